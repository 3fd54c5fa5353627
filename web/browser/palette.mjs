// Makes a screenshot small: PNG with a palette of the colours that are seen most. Others become the nearest of these.
import { crc32, deflateSync, inflateSync } from "node:zlib";

function* chunks(png) {
  for (let at = 8; at < png.length;) {
    const size = png.readUInt32BE(at);
    yield [png.toString("latin1", at + 4, at + 8), png.subarray(at + 8, at + 8 + size)];
    at += 12 + size;
  }
}

function chunk(name, data) {
  const made = Buffer.alloc(12 + data.length);
  made.writeUInt32BE(data.length, 0);
  made.write(name, 4, "latin1");
  data.copy(made, 8);
  made.writeUInt32BE(crc32(made.subarray(4, 8 + data.length)), 8 + data.length);
  return made;
}

// What stands before each byte says how it was written: as the difference to the left, to above, or to what both suggest.
function unfilter(raw, stride, height, size) {
  const out = Buffer.alloc(stride * height);
  for (let y = 0; y < height; y += 1) {
    const filter = raw[y * (stride + 1)];
    for (let x = 0; x < stride; x += 1) {
      const at = y * stride + x;
      const left = x >= size ? out[at - size] : 0;
      const up = y ? out[at - stride] : 0;
      const corner = x >= size && y ? out[at - stride - size] : 0;
      const guess = [() => 0, () => left, () => up, () => (left + up) >> 1, () => {
        const [a, b, c] = [Math.abs(up - corner), Math.abs(left - corner), Math.abs(left + up - 2 * corner)];
        return a <= b && a <= c ? left : b <= c ? up : corner;
      }][filter]();
      out[at] = raw[y * (stride + 1) + 1 + x] + guess;
    }
  }
  return out;
}

export function smaller(png, most = 48) {
  const parts = [...chunks(png)];
  const head = parts[0][1];
  const [width, height, size] = [head.readUInt32BE(0), head.readUInt32BE(4), head[9] === 6 ? 4 : 3];
  const raw = inflateSync(Buffer.concat(parts.filter(([name]) => name === "IDAT").map(([, data]) => data)));
  const pixels = unfilter(raw, width * size, height, size);
  const seen = new Map();
  const colour = (at) => (pixels[at] << 16) | (pixels[at + 1] << 8) | pixels[at + 2];
  for (let at = 0; at < pixels.length; at += size) seen.set(colour(at), (seen.get(colour(at)) ?? 0) + 1);
  const away = (a, b) => [16, 8, 0].reduce((sum, bits) => sum + (((a >> bits) & 255) - ((b >> bits) & 255)) ** 2, 0);
  const palette = [];
  for (const [each] of [...seen].sort((a, b) => b[1] - a[1])) {
    if (palette.length === most) break;
    if (palette.every((one) => away(one, each) > 60)) palette.push(each);
  }
  const nearest = new Map([...seen.keys()].map((each) => {
    const far = palette.map((one) => away(one, each));
    return [each, far.indexOf(Math.min(...far))];
  }));
  const lines = Buffer.alloc((width + 1) * height);
  for (let y = 0; y < height; y += 1) for (let x = 0; x < width; x += 1) lines[y * (width + 1) + 1 + x] = nearest.get(colour((y * width + x) * size));
  const begin = Buffer.from(head);
  [begin[8], begin[9]] = [8, 3];
  const colours = Buffer.from(palette.flatMap((one) => [one >> 16, (one >> 8) & 255, one & 255]));
  return Buffer.concat([png.subarray(0, 8), chunk("IHDR", begin), chunk("PLTE", colours), chunk("IDAT", deflateSync(lines, { level: 9 })), chunk("IEND", Buffer.alloc(0))]);
}
