import { decodeResources, type DecodedResource, INTERNAL_ORIGIN, Payload, type ProfilesModel } from "#otlp";
import { MessageBuffer, Writer } from "#wire";

/** Resources and scopes of a model with all attributes as values, by position. */
export function modelResources(model: ProfilesModel): readonly DecodedResource[] {
  const writer = new Writer(1024);
  let referring = false;
  for (const { resource, scopes } of model.resources) {
    writer.open(1);
    writer.bytes(1, resource);
    referring ||= mayRefer(resource);
    for (const { scope } of scopes) {
      writer.open(2);
      writer.bytes(1, scope);
      writer.close();
      referring ||= mayRefer(scope);
    }
    writer.close();
  }
  if (referring) {
    const { strings } = model.dictionary;
    writer.open(2);
    for (let at = 0; at < strings.length; at++) writer.bytes(5, strings.bytes(at));
    writer.close();
  }
  return decodeResources(new Payload("profiles", MessageBuffer.copyOf(writer.finish()), INTERNAL_ORIGIN));
}

/** Tags of KeyValue.key_strindex and AnyValue.string_value_strindex (1.10): without them nothing refers to strings. */
function mayRefer(message: Uint8Array): boolean {
  return message.includes(3 << 3) || message.includes(8 << 3);
}
