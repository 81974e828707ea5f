/** All keys that work now, and how to read a flame graph, in one overlay. */
import type { JSX } from "preact";
import { keyGroups } from "../state/keys.ts";
import { Dialog } from "../ui/dialog.tsx";

export function Help({ onClose }: { readonly onClose: () => void }): JSX.Element {
  return (
    <Dialog title="Keys" onClose={onClose}>
      <div class="help">
        {keyGroups.value.map(({ title, keys }) => (
          <section key={title}>
            <h3>{title}</h3>
            <dl>
              {keys
                .filter(({ does }) => does !== "")
                .map(({ key, shown, does }) => (
                  <div key={key}>
                    <dt>
                      <kbd>{shown ?? key}</kbd>
                    </dt>
                    <dd>{does}</dd>
                  </div>
                ))}
            </dl>
          </section>
        ))}
        <section>
          <h3>Reading a flame graph</h3>
          <p>
            Each box is a function, as wide as the CPU time that it and everything it called used. Its callees are on
            top of it or below it; from left to right the heaviest come first, so position is not time. Self time is
            what is left of a box after its callees.
          </p>
        </section>
      </div>
    </Dialog>
  );
}
