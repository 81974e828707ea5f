declare module "snappyjs" {
  const snappy: { compress(input: Uint8Array): Uint8Array };
  export default snappy;
}
