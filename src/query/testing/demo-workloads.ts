/** A workload of the demo cluster, or what stands for one. */
export interface DemoWorkload {
  readonly namespace: string;
  readonly kind: "Deployment" | "StatefulSet" | "DaemonSet" | "CronJob";
  readonly name: string;
  /** Whose recorded stacks its containers show. */
  readonly stacks: DemoStacks;
  readonly image: string;
  /** Average cores a pod. */
  readonly cores: number;
  readonly pods: number;
  /** Minutes before now at which a new revision took over, one pod after another. */
  readonly deployedMinutesAgo?: number;
  /** Minutes before now at which the first pod's container was restarted. */
  readonly restartedMinutesAgo?: number;
}

/** Recordings by what they are of. */
export type DemoStacks = "c" | "go" | "node" | "go-pprof" | "perf";

export const DEMO_WORKLOADS: readonly DemoWorkload[] = [
  {
    namespace: "checkout",
    kind: "Deployment",
    name: "pricing",
    stacks: "c",
    image: "registry.example.com:5000/checkout/pricing",
    cores: 0.9,
    pods: 3,
    deployedMinutesAgo: 20,
  },
  {
    namespace: "checkout",
    kind: "Deployment",
    name: "orders",
    stacks: "go",
    image: "registry.example.com:5000/checkout/orders",
    cores: 0.6,
    pods: 4,
    restartedMinutesAgo: 12,
  },
  {
    namespace: "checkout",
    kind: "StatefulSet",
    name: "ledger",
    stacks: "go-pprof",
    image: "registry.example.com:5000/checkout/ledger",
    cores: 0.35,
    pods: 2,
  },
  {
    namespace: "web",
    kind: "Deployment",
    name: "storefront",
    stacks: "node",
    image: "registry.example.com:5000/web/storefront",
    cores: 1.1,
    pods: 3,
    deployedMinutesAgo: 35,
  },
  {
    namespace: "web",
    kind: "Deployment",
    name: "assets",
    stacks: "node",
    image: "registry.example.com:5000/web/assets",
    cores: 0.15,
    pods: 2,
  },
  {
    namespace: "web",
    kind: "CronJob",
    name: "sitemap",
    stacks: "go",
    image: "registry.example.com:5000/web/sitemap",
    cores: 0.2,
    pods: 1,
  },
  {
    namespace: "data",
    kind: "StatefulSet",
    name: "search",
    stacks: "perf",
    image: "registry.example.com:5000/data/search",
    cores: 0.8,
    pods: 2,
    restartedMinutesAgo: 41,
  },
  {
    namespace: "data",
    kind: "Deployment",
    name: "ingest",
    stacks: "go-pprof",
    image: "registry.example.com:5000/data/ingest",
    cores: 0.4,
    pods: 3,
  },
  {
    namespace: "kube-system",
    kind: "DaemonSet",
    name: "node-exporter",
    stacks: "go",
    image: "registry.example.com:5000/platform/node-exporter",
    cores: 0.05,
    pods: 2,
  },
  {
    namespace: "kube-system",
    kind: "Deployment",
    name: "coredns",
    stacks: "go-pprof",
    image: "registry.example.com:5000/platform/coredns",
    cores: 0.12,
    pods: 2,
  },
];

/** Processes outside of containers, per node. */
export const DEMO_HOST_PROCESSES: readonly {
  readonly name: string;
  readonly stacks: DemoStacks;
  readonly cores: number;
}[] = [
  { name: "kubelet", stacks: "go-pprof", cores: 0.18 },
  { name: "containerd", stacks: "go", cores: 0.12 },
  { name: "systemd-journald", stacks: "c", cores: 0.02 },
  { name: "[kernel]", stacks: "perf", cores: 0.08 },
];

export const DEMO_NODES = ["node-a", "node-b"] as const;
