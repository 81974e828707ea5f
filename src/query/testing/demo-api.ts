import type { Hono } from "hono";
import { createApi, type ApiSettings } from "#query";
import { MemoryStore, type ProfileStore } from "#store";
import { DemoCluster } from "./demo-cluster.ts";

/** The end of what the demo cluster of tests holds: a fixed time, so that answers are the same each time. */
export const DEMO_NOW = Date.UTC(2026, 10, 22, 12);
export const DEMO_MINUTES = 60;

/** An API over the demo cluster, whose clock stands still. */
export interface DemoApi {
  readonly app: Hono;
  readonly store: ProfileStore;
  /** Asks and takes the answer as JSON of that type. */
  get<T>(path: string): Promise<T>;
  /** Asks as curl would. */
  fetch(path: string, init?: RequestInit): Promise<Response>;
}

/** Fills a store (one in memory unless one is given) and makes an API of it; the store is the caller's to close. */
export async function demoApi(settings: Partial<ApiSettings> = {}): Promise<DemoApi> {
  const store = settings.store ?? (await MemoryStore.open({ now: () => DEMO_NOW }));
  const cluster = new DemoCluster({ now: DEMO_NOW, minutes: DEMO_MINUTES });
  await cluster.fill(store, DEMO_NOW - DEMO_MINUTES * 60_000, DEMO_NOW);
  const app = createApi({
    status: () => ({ version: "test", mode: { kind: "live", reason: "", remedy: "" } }),
    now: () => DEMO_NOW,
    ...settings,
    store,
  });
  const fetch = (path: string, init?: RequestInit): Promise<Response> =>
    Promise.resolve(app.request(`http://127.0.0.1/${path}`, init));
  return {
    app,
    store,
    fetch,
    async get<T>(path: string) {
      const response = await fetch(`api/v1/${path}`);
      if (response.status !== 200) throw new Error(`${path}: ${response.status} ${await response.text()}`);
      return (await response.json()) as T;
    },
  };
}
