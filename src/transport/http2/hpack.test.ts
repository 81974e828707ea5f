import * as http2 from "node:http2";
import * as net from "node:net";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ClientConnection } from "./client-connection.ts";
import { HeaderDecoder } from "./header-decoder.ts";
import { encodeStateless, HeaderEncoder, type OutgoingField } from "./header-encoder.ts";
import { headerField, type HeaderField } from "./header-field.ts";
import { RecordingServer, SETTINGS } from "./testing/http2-fixture.ts";

type Pair = readonly [string, string];

function decode(decoder: HeaderDecoder, block: Buffer): Pair[] | string {
  const fields: HeaderField[] = [];
  return decoder.decode(block, 0, block.length, fields) ?? fields.map(({ name, value }): Pair => [name, value]);
}

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(/\s/g, ""), "hex");

describe("the examples of RFC 7541, Appendix C", () => {
  const requests: Pair[][] = [
    [
      [":method", "GET"],
      [":scheme", "http"],
      [":path", "/"],
      [":authority", "www.example.com"],
    ],
    [
      [":method", "GET"],
      [":scheme", "http"],
      [":path", "/"],
      [":authority", "www.example.com"],
      ["cache-control", "no-cache"],
    ],
    [
      [":method", "GET"],
      [":scheme", "https"],
      [":path", "/index.html"],
      [":authority", "www.example.com"],
      ["custom-key", "custom-value"],
    ],
  ];
  const first: Pair[] = [
    [":status", "302"],
    ["cache-control", "private"],
    ["date", "Mon, 21 Oct 2013 20:13:21 GMT"],
    ["location", "https://www.example.com"],
  ];
  const responses: Pair[][] = [
    first,
    [[":status", "307"], ...first.slice(1)],
    [
      [":status", "200"],
      ["cache-control", "private"],
      ["date", "Mon, 21 Oct 2013 20:13:22 GMT"],
      ["location", "https://www.example.com"],
      ["content-encoding", "gzip"],
      ["set-cookie", "foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1"],
    ],
  ];

  test.each([
    [
      "C.2.1, indexing",
      "400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572",
      ["custom-key", "custom-header"],
    ],
    ["C.2.2, without indexing", "040c 2f73 616d 706c 652f 7061 7468", [":path", "/sample/path"]],
    ["C.2.3, never indexed", "1008 7061 7373 776f 7264 0673 6563 7265 74", ["password", "secret"]],
    ["C.2.4, indexed", "82", [":method", "GET"]],
  ])("%s", (_name, block, field) => {
    expect(decode(new HeaderDecoder(4096), hex(block))).toEqual([field]);
  });

  test("C.3, requests without Huffman coding", () => {
    const decoder = new HeaderDecoder(4096);
    const blocks = [
      "8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d",
      "8286 84be 5808 6e6f 2d63 6163 6865",
      "8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65",
    ];
    expect(blocks.map((block) => decode(decoder, hex(block)))).toEqual(requests);
  });

  test("C.4, requests with Huffman coding", () => {
    const decoder = new HeaderDecoder(4096);
    const blocks = [
      "8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff",
      "8286 84be 5886 a8eb 1064 9cbf",
      "8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf",
    ];
    expect(blocks.map((block) => decode(decoder, hex(block)))).toEqual(requests);
  });

  test("C.5, responses that evict from a table of 256 bytes", () => {
    const decoder = new HeaderDecoder(4096, 256);
    const blocks = [
      `4803 3330 3258 0770 7269 7661 7465 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3120 474d
       546e 1768 7474 7073 3a2f 2f77 7777 2e65 7861 6d70 6c65 2e63 6f6d`,
      "4803 3330 37c1 c0bf",
      `88c1 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3220 474d 54c0 5a04 677a 6970 7738 666f
       6f3d 4153 444a 4b48 514b 425a 584f 5157 454f 5049 5541 5851 5745 4f49 553b 206d 6178 2d61 6765 3d33 3630 303b
       2076 6572 7369 6f6e 3d31`,
    ];
    expect(blocks.map((block) => decode(decoder, hex(block)))).toEqual(responses);
  });

  test("C.6, the same with Huffman coding", () => {
    const decoder = new HeaderDecoder(4096, 256);
    const blocks = [
      `4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e 919d 29ad 1718 63c7
       8f0b 97c8 e9ae 82ae 43d3`,
      "4883 640e ffc1 c0bf",
      `88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab 77ad 94e7 821d d7f2 e6c7 b335
       dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f 9587 3160 65c0 03ed 4ee5 b106 3d50 07`,
    ];
    expect(blocks.map((block) => decode(decoder, hex(block)))).toEqual(responses);
  });
});

describe("blocks that are wrong", () => {
  test.each([
    ["an index of 0", "80"],
    ["an index that isn't there", "be"],
    ["an integer without end", "ffffffffffffffffffff"],
    ["an integer that is cut off", "ff"],
    ["a string longer than the block", "400a6375"],
    ["a literal without value", "4001"],
    ["a table size above what was announced", "3fe21f"],
    ["a table size behind a field", "8220"],
    ["Huffman code with EOS inside", "4084ffffffff00"],
    ["Huffman padding of zeros", "40810000"],
    ["Huffman padding of a whole byte", "40820fff00"],
  ])("%s", (_what, block) => {
    expect(decode(new HeaderDecoder(4096), hex(block))).toBe("corrupt");
  });

  test("a list above the limit is said so, and the table stays in step", () => {
    const decoder = new HeaderDecoder(200);
    const big = encodeLiteral(0x40, "big", "x".repeat(100));
    expect(decode(decoder, Buffer.concat([big, Buffer.from([0xbe])]))).toBe("too large");
    expect(decode(decoder, Buffer.from([0xbe]))).toEqual([["big", "x".repeat(100)]]);
  });

  test("a bomb of references holds no more than the limit", () => {
    const decoder = new HeaderDecoder(64 << 10);
    decode(decoder, encodeLiteral(0x40, "bomb", "x".repeat(4000)));
    const fields: HeaderField[] = [];
    const references = Buffer.alloc(60_000, 0xbe);
    expect(decoder.decode(references, 0, references.length, fields)).toBe("too large");
    expect(fields.length).toBe(Math.floor((64 << 10) / 4036));
  });

  test("any bytes are decoded or corrupt, never thrown at", () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 60 }), { maxLength: 5 }), (blocks) => {
        const decoder = new HeaderDecoder(300, 128);
        for (const block of blocks) decode(decoder, Buffer.from(block));
      }),
      { numRuns: 2000 },
    );
  });
});

function encodeLiteral(pattern: number, name: string, value: string): Buffer {
  const length = (text: string): Buffer =>
    text.length < 127
      ? Buffer.from([text.length])
      : Buffer.from([127, ((text.length - 127) & 127) | 128, (text.length - 127) >> 7]);
  return Buffer.concat([Buffer.from([pattern]), length(name), Buffer.from(name), length(value), Buffer.from(value)]);
}

const name = fc.string({
  unit: fc.constantFrom(...Array.from("abcdefghijklmnopqrstuvwxyz0123456789-_")),
  minLength: 1,
  maxLength: 30,
});
const value = fc.string({
  unit: fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)),
  maxLength: 80,
});
const field = fc.record({ name, value, secret: fc.boolean() });

describe("encoder", () => {
  test("what it encodes the decoder reads, whatever the tables' sizes do", () => {
    const step = fc.record({
      constant: fc.nat(2),
      varying: fc.array(field, { maxLength: 3 }),
      tableBytes: fc.option(fc.integer({ min: 0, max: 6000 })),
    });
    fc.assert(
      fc.property(
        fc.array(fc.array(field, { maxLength: 8 }), { minLength: 3, maxLength: 3 }),
        fc.array(step),
        (lists, steps) => {
          const encoder = new HeaderEncoder();
          const decoder = new HeaderDecoder(1 << 20);
          for (const { constant, varying, tableBytes } of steps) {
            if (tableBytes !== null) encoder.setPeerTableBytes(tableBytes);
            const block = encoder.encode(lists[constant]!, varying);
            const expected = [...lists[constant]!, ...varying].map((one): Pair => [one.name, one.value]);
            expect(decode(decoder, Buffer.from(block))).toEqual(expected);
          }
        },
      ),
    );
  });

  test("constant fields are references from the second block on", () => {
    const encoder = new HeaderEncoder();
    const constant: OutgoingField[] = [
      { name: ":method", value: "POST" },
      { name: "user-agent", value: "podflame/1.0" },
      { name: "x-tenant", value: "payments" },
    ];
    expect(encoder.encode(constant, []).length).toBeGreaterThan(30);
    for (let i = 0; i < 3; i++) expect(encoder.encode(constant, []).length).toBe(3);
  });

  test("a secret is never indexed, and is sent again each time", () => {
    const encoder = new HeaderEncoder();
    const secret = [{ name: "authorization", value: "Bearer abc", secret: true }];
    const block = Buffer.from(encoder.encode(secret, []));
    expect(block[0]! & 0xf0).toBe(0x10);
    expect(Buffer.from(encoder.encode(secret, [])).equals(block)).toBe(true);
    expect(decode(new HeaderDecoder(4096), block)).toEqual([["authorization", "Bearer abc"]]);
  });

  test("stateless blocks leave the table alone", () => {
    const decoder = new HeaderDecoder(4096);
    const block = encodeStateless([
      { name: ":status", value: "200" },
      { name: "content-type", value: "application/grpc" },
    ]);
    for (let i = 0; i < 2; i++) {
      expect(decode(decoder, block)).toEqual([
        [":status", "200"],
        ["content-type", "application/grpc"],
      ]);
    }
    expect(decode(decoder, Buffer.from([0xbe]))).toBe("corrupt");
  });
});

describe("fields", () => {
  test.each([
    ["Upper", "x"],
    ["", "x"],
    ["sp ace", "x"],
    [":unknown", "x"],
    ["name", "a\0"],
    ["name", "a\r\nb"],
    ["name", " a"],
    ["connection", "close"],
    ["transfer-encoding", "chunked"],
    ["te", "gzip"],
  ])("%j: %j is malformed", (fieldName, fieldValue) => {
    expect(headerField(fieldName, fieldValue).malformed).toBe(true);
  });

  test.each([
    ["te", "trailers"],
    [":path", "/"],
    ["x-bin", "äöü\t!"],
    ["empty", ""],
  ])("%j: %j is well-formed", (fieldName, fieldValue) => {
    expect(headerField(fieldName, fieldValue).malformed).toBe(false);
  });
});

// Values as node:http2 lets them through; it trims none, and neither do we.
const sendable = fc
  .string({
    unit: fc
      .integer({ min: 0x20, max: 0xff })
      .filter((code) => code !== 0x7f)
      .map((code) => String.fromCharCode(code)),
    maxLength: 120,
  })
  .filter((text) => text.trim() === text);
const custom = fc.dictionary(
  name.map((text) => `x-${text}`),
  sendable,
  { maxKeys: 12 },
);

describe("against nghttp2", () => {
  test("any headers of its client arrive, Huffman-coded and indexed as it likes", async () => {
    const server = new RecordingServer();
    const session = http2.connect(`http://127.0.0.1:${await server.listen()}`);
    try {
      await fc.assert(
        fc.asyncProperty(custom, async (headers) => {
          const stream = session.request({ ":method": "POST", ":path": "/p", ...headers });
          stream.resume().end("x");
          await new Promise((resolve) => stream.once("close", resolve));
          expect(server.requests.at(-1)!.fields).toMatchObject(headers);
          expect(server.requests.at(-1)!.body.toString()).toBe("x");
        }),
        { numRuns: 150 },
      );
    } finally {
      session.destroy();
      await server.close();
    }
  });

  test.each([0, 64, 4096, 65_536])(
    "its server reads what our encoder makes for a table of %i bytes",
    async (headerTableSize) => {
      const server = http2.createServer({ settings: { headerTableSize } });
      let seen: http2.IncomingHttpHeaders = {};
      server.on("stream", (stream, headers) => {
        seen = headers;
        stream.respond({ ":status": 200, "x-echo": headers["x-echo"] }, { endStream: true });
      });
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
      const socket = net.connect((server.address() as net.AddressInfo).port, "127.0.0.1");
      const ready = Promise.withResolvers<void>();
      const events = { onReady: ready.resolve, onGoaway: () => undefined, onClosed: () => undefined };
      const client = new ClientConnection(socket, SETTINGS, events, false);
      await ready.promise;
      const base = [
        { name: ":method", value: "POST" },
        { name: ":scheme", value: "http" },
        { name: ":path", value: "/p" },
        { name: ":authority", value: "test" },
      ];
      try {
        await fc.assert(
          fc.asyncProperty(custom, custom, sendable, async (some, more, echo) => {
            const asFields = (headers: Record<string, string>): OutgoingField[] =>
              Object.entries(headers).map(([fieldName, fieldValue]) => ({ name: fieldName, value: fieldValue }));
            const varying = asFields({ ...more, "x-echo": echo }).filter((one) => !(one.name in some));
            const closed = Promise.withResolvers<void>();
            let answer: readonly HeaderField[] = [];
            const receiver = {
              onHeaders: (fields: readonly HeaderField[]) => (answer = fields),
              onData: () => undefined,
              onEnd: () => undefined,
              onClosed: () => closed.resolve(),
              onReleased: () => undefined,
            };
            client.request({ constant: [...base, ...asFields(some)], varying }, Buffer.from("body"), receiver);
            await closed.promise;
            expect(seen).toMatchObject({ ...more, ...some });
            if (!("x-echo" in some)) expect(answer.find((one) => one.name === "x-echo")!.value).toBe(echo);
          }),
          { numRuns: 60 },
        );
      } finally {
        client.destroy();
        server.close();
      }
    },
  );
});
