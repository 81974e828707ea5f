import { loadLayouts, ParseError, type ProfilesModel, readProfiles } from "#otlp";
import { ModelMerger } from "../convert/merge-models.ts";

/** Requests in memory at most: more would not fit into a single result either. */
const MAX_BYTES = 512 << 20;

/** The requests of a profiler, kept until they become one. */
export class Recording {
  readonly #requests: Uint8Array[] = [];
  #bytes = 0;

  /** Takes a copy. Rejects when there is too much, so that the profiler counts the samples as lost. */
  async take(request: Uint8Array): Promise<void> {
    if (this.#bytes + request.length > MAX_BYTES) throw new Error(`the recording has ${MAX_BYTES >> 20} MiB already`);
    this.#requests.push(request.slice());
    this.#bytes += request.length;
  }

  /** All of it as one: equal resources become one, tables are joined. */
  async merged(): Promise<ProfilesModel> {
    const { upgradeProfiles } = await loadLayouts();
    const merger = new ModelMerger();
    for (const request of this.#requests) {
      const model = readProfiles(request, "D10");
      if (model instanceof ParseError) throw new Error(`the profiler made what cannot be read: ${model.message}`);
      merger.add(upgradeProfiles(model).model);
    }
    return merger.finish();
  }
}
