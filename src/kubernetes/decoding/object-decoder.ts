/**
 * Reads one kind of object. One decoder serves one reflector; it keeps nothing of an object but repeated strings.
 * Odd content never makes it throw: what can't be read is left out, and `malformed` tells of it.
 */
export interface ObjectDecoder<T> {
  /** As in the envelope, e.g. `Pod`. */
  readonly kind: string;
  /**
   * Whether something in the object decoded last could not be read. It is set anew by each call.
   */
  readonly malformed: boolean;
  /** An object as protobuf, without the `k8s\0` envelope. Undefined when it has no uid to know it by. */
  fromProtobuf(bytes: Buffer, start: number, end: number): T | undefined;
  /** An object as parsed JSON. Undefined when it has no uid to know it by. */
  fromJson(value: unknown): T | undefined;
}
