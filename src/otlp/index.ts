/**
 * OTLP requests as bytes: what a payload is, checking it, looking at and editing its resources without decoding, and
 * the words of the protocol (paths, responses, status). Start with `Payload`, then `ResourceEditor`.
 *
 *     const keys = new AttributeKeys(["container.id", "k8s.pod.name"]);
 *     const editor = new ResourceEditor(keys, buffers);               // one a component
 *     const out = editor.edit(payload, (resource) => {
 *       if (resource.nonEmpty(0) && !resource.nonEmpty(1)) resource.append(encodedOf(resource.text(0)));
 *     });
 *     await next.consume(out);
 *     if (out !== payload) out.release();
 *
 * Receiving: `routeOf(path)` → `receivePayload(signal, buffer, origin)` → Payload or ParseError;
 * answering: `encodeResponse`, `encodeStatus` and their JSON twins. Batching: `mergeRequests`, `splitRequest`.
 * Profiles from layout to layout: behind `await loadLayouts()`.
 * For people: `decodeResources`, and behind `await loadTranscoder()` whole requests as objects, and OTLP/JSON.
 */
export { AttributeKeys } from "./attribute-keys.ts";
export { AttributeKind } from "./attribute-scanner.ts";
export {
  decodeAttributes,
  decodeValue,
  encodeAttribute,
  encodeValue,
  type Attribute,
  type AttributeMap,
  type AttributeValue,
  type ReferredStrings,
} from "./attribute-value.ts";
export {
  decodeInstrumentationScope,
  decodeResources,
  type DecodedResource,
  type DecodedScope,
  type InstrumentationScope,
} from "./decode-resources.ts";
export { countItems } from "./envelope.ts";
export { isMergeable, mergeRequests, splitRequest, type MergeableSignal, type SplitLimits } from "./merge.ts";
export {
  EXPERIMENTAL_PROFILES_PATHS,
  PROFILES_DEVELOPMENT_VERSION,
  PROFILES_DEVELOPMENT_VERSION_HEADER,
  routeOf,
  SIGNAL_PATHS,
  type Route,
  type SignalPaths,
} from "./paths.ts";
export { INTERNAL_ORIGIN, Payload, type Origin } from "./payload.ts";
export { receivePayload } from "./receive.ts";
export { ResourceEditor } from "./resource-editor.ts";
export type { ResourceView } from "./resource-view.ts";
export {
  decodeJsonResponse,
  decodeResponse,
  encodeJsonResponse,
  encodeResponse,
  FULL_SUCCESS,
  type PartialSuccess,
} from "./response.ts";
export { SIGNALS, type Signal } from "./signal.ts";
export { decodeJsonStatus, decodeStatus, encodeJsonStatus, encodeStatus, type RpcStatus } from "./status.ts";
export { loadLayoutDetection, loadLayouts, type Layouts } from "./load-layouts.ts";
export type {
  ConvertedModel,
  ConvertedRequest,
  ConvertOptions,
  Loss,
  LossKind,
  RegroupOptions,
  UpgradeOptions,
  WritableLayout,
  WriteOptions,
  WrittenProfiles,
} from "./upgrade/layouts.ts";
export { loadProfiles, type Profiles } from "./load-profiles.ts";
export { loadTranscoder, type Transcoder } from "./load-transcoder.ts";
export type { DecodedMessage, DecodedValue } from "./schema/decode.ts";
export { detectLayout } from "./profiles/detect-layout.ts";
export { type Confidence, type Detection, type DetectionPrior, Refusal } from "./profiles/detection.ts";
export type { Finding, FindingKind } from "./profiles/findings.ts";
export type { DictionaryColumns } from "./profiles/dictionary-columns.ts";
export { readProfiles } from "./profiles/read-profiles.ts";
export { LAYOUT_RELEASES, LAYOUTS, type Layout } from "./profiles/layout.ts";
export type {
  Dictionary,
  IndexLists,
  ProfileRecord,
  ProfilesModel,
  ResourceRecord,
  Samples,
  ScopeRecord,
  ValueTypeRecord,
} from "./profiles/model.ts";
export {
  EMPTY_PROFILE,
  EMPTY_RESOURCE,
  EMPTY_SCOPE,
  encodeResource,
  ModelBuilder,
  type LocationEntry,
  type MappingEntry,
} from "./profiles/model-builder.ts";
export { SamplesBuilder } from "./profiles/samples-builder.ts";
export { ParseError } from "#wire";
