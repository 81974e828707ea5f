/** Keeps sending queues on disk, in one SQLite file an exporter. */
import type { ExtensionFactory } from "#collector";
import { fileStorageConfig, type FileStorageConfig } from "./config.ts";
import { FileStorageExtension } from "./file-storage-extension.ts";

export const fileStorageExtensionFactory: ExtensionFactory<FileStorageConfig> = {
  kind: "extension",
  type: "file_storage",
  stability: {},
  config: fileStorageConfig,
  create: (context, config) => new FileStorageExtension(context, config),
};
