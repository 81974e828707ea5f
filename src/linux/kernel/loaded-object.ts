import { createMap, descriptorFacts, freezeMap, loadProgram, updateElement } from "./bpf.ts";
import { MAP_READ_ONLY_FOR_PROGRAMS, type DescriptorFacts } from "./bpf.ts";
import { closeDescriptor } from "./descriptor.ts";
import { BpfObjectError, type BpfObject, type ObjectMap } from "./bpf-object.ts";

/** `src_reg` of a load instruction whose immediate is a map's file descriptor, or one and an offset in its value. */
const SOURCE_MAP = 1;
const SOURCE_MAP_VALUE = 2;
const FIRST_KEY = new Uint8Array(4);

/** What the object file leaves open. */
export interface LoadSettings {
  /** Programs to load, by name; maps that only others use aren't made. */
  readonly programs: readonly string[];
  /** Content of sections with variables, by section name; what the file holds otherwise. */
  readonly variables?: ReadonlyMap<string, Uint8Array>;
  /** Entries of maps by name, or bytes of ring buffers; what the file says otherwise. */
  readonly maxEntries?: ReadonlyMap<string, number>;
}

/** Programs and maps of an object file in the kernel. They last as long as this, or the process. */
export class LoadedObject {
  readonly #maps = new Map<string, number>();
  readonly #programs = new Map<string, number>();

  /**
   * Makes the maps and loads the programs.
   *
   * @throws {BpfObjectError} if the file has no such program
   * @throws {SystemCallError} if the kernel refuses; nothing is left behind
   */
  static load(object: BpfObject, settings: LoadSettings): LoadedObject {
    const loaded = new LoadedObject();
    try {
      for (const name of settings.programs) loaded.#load(object, name, settings);
      return loaded;
    } catch (error) {
      loaded.close();
      throw error;
    }
  }

  /** File descriptor of a map that a loaded program uses. */
  map(name: string): number {
    return descriptor(this.#maps, name);
  }

  /** File descriptor of a program. */
  program(name: string): number {
    return descriptor(this.#programs, name);
  }

  /** What the kernel tells of each program, by name. */
  programFacts(): ReadonlyMap<string, DescriptorFacts> {
    return new Map([...this.#programs].map(([name, fd]) => [name, descriptorFacts(fd)]));
  }

  /** Memory of all maps and programs. */
  get memoryBytes(): number {
    let sum = 0;
    for (const fd of [...this.#maps.values(), ...this.#programs.values()]) sum += descriptorFacts(fd).memoryBytes;
    return sum;
  }

  close(): void {
    for (const fds of [this.#programs, this.#maps]) {
      for (const fd of fds.values()) closeDescriptor(fd);
      fds.clear();
    }
  }

  #load(object: BpfObject, name: string, settings: LoadSettings): void {
    const program = object.programs.find((candidate) => candidate.name === name);
    if (!program) throw new BpfObjectError(`BPF object: no program ${name}`);
    const instructions = program.instructions.slice();
    const view = new DataView(instructions.buffer);
    for (const { offset, map, variableOffset } of program.references) {
      const fd = this.#map(object.maps[map]!, settings);
      const source = variableOffset === undefined ? SOURCE_MAP : SOURCE_MAP_VALUE;
      instructions[offset + 1] = (instructions[offset + 1]! & 0x0f) | (source << 4);
      view.setInt32(offset + 4, fd, true);
      view.setInt32(offset + 12, variableOffset ?? 0, true);
    }
    const { type } = program;
    this.#programs.set(name, loadProgram({ name, type, instructions, license: object.license }));
  }

  #map(declared: ObjectMap, settings: LoadSettings): number {
    const { name } = declared;
    const known = this.#maps.get(name);
    if (known !== undefined) return known;
    const fd = createMap({ ...declared, maxEntries: settings.maxEntries?.get(name) ?? declared.maxEntries });
    this.#maps.set(name, fd);
    if (declared.content) {
      const content = settings.variables?.get(name) ?? declared.content;
      if (content.length !== declared.valueBytes) {
        throw new BpfObjectError(`BPF object: ${name} has ${declared.valueBytes} bytes, not ${content.length}`);
      }
      updateElement(fd, FIRST_KEY, content);
      if (declared.flags & MAP_READ_ONLY_FOR_PROGRAMS) freezeMap(fd);
    }
    return fd;
  }
}

function descriptor(of: ReadonlyMap<string, number>, name: string): number {
  const fd = of.get(name);
  if (fd === undefined) throw new BpfObjectError(`BPF object: ${name} isn't loaded`);
  return fd;
}
