import type { WriteOptions } from "#formats";
import { type AttributeMap, encodeAttribute, type ProfilesModel } from "#otlp";
import { modelResources } from "../inspect/model-resources.ts";

/** Attribute that is there only while a file is written whose outermost frames it names. */
const SUBJECT = "podflame.record.subject";

/**
 * The model with the container of each resource, or that it's outside of one, as an attribute: for formats that know
 * frames only. Not for OTLP, which has the ids.
 */
export function withSubjects(model: ProfilesModel): ProfilesModel {
  const decoded = modelResources(model);
  const resources = model.resources.map((record, at) => {
    const subject = encodeAttribute(SUBJECT, subjectOf(decoded[at]!.attributes));
    const resource = new Uint8Array(record.resource.length + subject.length);
    resource.set(record.resource);
    resource.set(subject, record.resource.length);
    return { ...record, resource };
  });
  return { ...model, resources };
}

/** How files are written in which the subjects are the outermost frames and the programs the next. */
export function subjectOptions(sampleType: string | undefined): WriteOptions {
  return {
    title: "podflame record",
    groupBy: [SUBJECT, "process.executable.name"],
    ...(sampleType !== undefined && { sampleType }),
  };
}

function subjectOf(attributes: AttributeMap): string {
  const id = attributes.get("container.id");
  const service = attributes.get("service.name");
  const where = typeof id === "string" ? `container ${id.slice(0, 12)}` : "host";
  return typeof service === "string" ? `${where} (${service})` : where;
}
