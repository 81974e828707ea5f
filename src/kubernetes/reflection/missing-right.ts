import type { Resource } from "./resource.ts";

/** What following objects takes, and all that it takes: nothing is asked for by its name alone. */
const VERBS = ["list", "watch"];

/**
 * Says which RBAC rule is missing after a 403 and how to add it. `message` is the server's; the user it names goes
 * into the remedy.
 */
export function describeMissingRight(
  verb: "list" | "watch",
  resource: Resource,
  namespace: string | undefined,
  message: string,
): string {
  const { group, name } = resource;
  const user = /User "([^"]+)"/.exec(message)?.[1];
  const role = namespace ? "role" : "clusterrole";
  const scope = namespace ? ` -n ${namespace}` : "";
  const qualified = group === "" ? name : `${name}.${group}`;
  const rule = `{apiGroups: ["${group}"], resources: ["${name}"], verbs: ["${VERBS.join('", "')}"]}`;
  const commands = [
    `kubectl create ${role} podflame-${name}${scope} --verb=${VERBS.join(",")} --resource=${qualified}`,
    `kubectl create ${role}binding podflame-${name}${scope} --${role}=podflame-${name} ${subject(user)}`,
  ];
  return (
    `${user ? `"${user}"` : "this user"} may not ${verb} ${qualified} ${namespace ? `in namespace ${namespace}` : "in the whole cluster"}; ` +
    `add the rule ${rule} to a ${namespace ? "Role" : "ClusterRole"} and bind it, or run: ${commands.join(" && ")}`
  );
}

function subject(user: string | undefined): string {
  const [, namespace, name] = /^system:serviceaccount:([^:]+):(.+)$/.exec(user ?? "") ?? [];
  return namespace ? `--serviceaccount=${namespace}:${name}` : `--user=${user ?? "NAME"}`;
}
