import { type Command, InvalidArgumentError } from "commander";
import { ANY_NODE, loadForAnyNode } from "./cluster/any-node.ts";
import { clusterUsers, kubeletRules, unitedRules } from "./cluster/cluster-users.ts";
import { ExitCode, Fault } from "./exit.ts";
import { presetOrSource } from "./install.ts";
import { repeatable } from "./options.ts";
import { type Manifest, roleManifests, type ServiceAccount, yamlStream } from "./rbac/manifests.ts";

interface PrintFlags {
  readonly config: readonly string[];
  readonly set: readonly string[];
  readonly serviceAccount: ServiceAccount;
  readonly json?: boolean;
}

const DEFAULT_ACCOUNT: ServiceAccount = { namespace: "podflame", name: "podflame" };

export function define(command: Command): void {
  command
    .description("Say which rights on the Kubernetes API a configuration takes.")
    .action(() => command.help({ error: true }));
  command
    .command("print")
    .exitOverride()
    .description(
      "Print the roles and bindings that a configuration takes, no more and no less: of all k8s_attributes processors\n" +
        "and of the profiling receiver's selection, as far as they stand in a pipeline. Asks no server.",
    )
    .option("--config <file>", "file or preset; several are merged as `run` does", repeatable, [])
    .option("--set <path=value>", "a single value, laid upon all files", repeatable, [])
    .option(
      "--service-account <namespace/name>",
      "whom the rights are given to (default: podflame/podflame)",
      accountOption,
      DEFAULT_ACCOUNT,
    )
    .option("--json", "one JSON document, a List, instead of YAML")
    .addHelpText(
      "after",
      `
Examples:
  podflame rbac print --config otelcol.yaml --service-account monitoring/otelcol | kubectl apply -f -
  podflame rbac print --config agent             what the preset takes

With filter.namespace the rights are Roles of that namespace. A node's name that comes from a variable is another one on
each node, so nodes are allowed as a whole then.`,
    )
    .action((flags: PrintFlags) => print(flags));
}

async function print({ config, set: sets, serviceAccount, json }: PrintFlags): Promise<void> {
  if (config.length === 0) {
    throw new Fault(ExitCode.USER, "rbac print needs a configuration: podflame rbac print --config FILE");
  }
  const { configuration } = await loadForAnyNode({ configs: config.map(presetOrSource), sets });
  const users = await clusterUsers(configuration);
  const rules = unitedRules([
    ...users.flatMap((user) =>
      user.rules.map((rule) => (rule.resourceNames?.includes(ANY_NODE) ? { ...rule, resourceNames: undefined } : rule)),
    ),
    ...kubeletRules(configuration),
  ]);
  const manifests = roleManifests(rules, serviceAccount);
  if (manifests.length === 0)
    process.stderr.write("podflame: this configuration asks no API server: no rights needed\n");
  process.stdout.write(json === true ? listDocument(manifests) : yamlStream(manifests));
}

function listDocument(items: readonly Manifest[]): string {
  return `${JSON.stringify({ apiVersion: "v1", kind: "List", items }, null, 2)}\n`;
}

function accountOption(value: string): ServiceAccount {
  // RFC 1123 labels and subdomains, as the API server checks them.
  const match = /^([a-z0-9](?:[a-z0-9-]*[a-z0-9])?)\/([a-z0-9](?:[a-z0-9.-]*[a-z0-9])?)$/.exec(value);
  if (match === null) throw new InvalidArgumentError(`expected namespace/name, e.g. "monitoring/podflame".`);
  return { namespace: match[1]!, name: match[2]! };
}
