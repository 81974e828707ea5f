import { systemCall } from "../ffi.ts";
import { SYSTEM_CALL } from "./system-calls.ts";

/**
 * Closes a file descriptor that a system call here returned. Node's own `closeSync` is for those that Node opened: in a
 * worker it complains about others.
 */
export function closeDescriptor(fd: number): void {
  systemCall(SYSTEM_CALL.close, fd);
}
