// libvips from Node. The protocol is that of ../child.py.
import { appendFileSync, readFileSync, writeFileSync } from "node:fs";
import { createInterface } from "node:readline";

const [input, output] = process.argv.slice(2);
const { default: sharp } = await import("sharp").catch(() => {
  console.log(JSON.stringify({ broken: "sharp is not installed in benchmarks/node_modules" }));
  process.exit(0);
});
sharp.concurrency(1);
sharp.cache(false);
const body = readFileSync(input);

function convert() {
  const image = sharp(body, { animated: true });
  const isDeep = body.subarray(1, 4).toString() === "PNG" && body[24] === 16;
  return (isDeep ? image.toColourspace("grey16") : image.grayscale()).toBuffer(); // grayscale() would leave 8 bits
}

function kilobytes(name) {
  return Number(new RegExp(`${name}:\\s+(\\d+) kB`).exec(readFileSync("/proc/self/status", "utf8"))[1]);
}

async function first() {
  appendFileSync("/proc/self/clear_refs", "5");
  const base = kilobytes("VmRSS");
  let result;
  try {
    result = await convert();
  } catch (error) {
    return { cannot: error.message.split("\n")[0] };
  }
  const peak = kilobytes("VmHWM");
  writeFileSync(output, result);
  return { base: base * 1024, peak: peak * 1024 };
}

async function time(count) {
  const wall = process.hrtime.bigint();
  const cpu = process.cpuUsage();
  for (let done = 0; done < count; done += 1) {
    await convert();
  }
  const used = process.cpuUsage(cpu);
  return {
    wall: Number(process.hrtime.bigint() - wall) / 1e9 / count,
    cpu: (used.user + used.system) / 1e6 / count,
  };
}

console.log(JSON.stringify({ version: `${sharp.versions.sharp}, libvips ${sharp.versions.vips}` }));
for await (const line of createInterface({ input: process.stdin })) {
  const [command, count] = line.split(" ");
  console.log(JSON.stringify(await (command === "first" ? first() : time(Number(count)))));
}
