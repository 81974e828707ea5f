/** Access to the Kubernetes API: credentials, list and watch, narrow decoders. Start with `Reflector`. */
export type { KeyFilter, OwnerReference, PodContainer, PodObject, ReflectorSink } from "./objects.ts";
