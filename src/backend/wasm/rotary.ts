/** Rotary position embedding; see loops/rotary.ts. */
import { f32x4, i32, i32x4, v128 } from "./assembler.ts";
import type { I32, Local, V128 } from "./assembler.ts";
import type { FunctionBody } from "./function-body.ts";
import { eachElement, element } from "./kernel.ts";
import type { Assembly } from "./kernel.ts";

/** Adds the rotation to the module. */
export function addRotary(assembly: Assembly): void {
  assembly.kernel(
    "rotary",
    { outputs: 1, inputs: 3, sizes: 5 },
    (_heads, seq, headDim) => [seq * headDim, seq * headDim],
    (f, out, x, cos, sin, _heads, seq, headDim, pairs, inverse, begin, end) => {
      const size = f.let(i32.mul(seq, headDim));
      const places: Places = {
        out: f.let(element(out, i32.mul(begin, size))),
        x: f.let(element(x, i32.mul(begin, size))),
        cos,
        sin,
        // Turning back is turning by the negative angle, whose sine has the other sign.
        sign: f.let(i32x4.splat(i32.shl(inverse, 31))),
      };
      f.if(
        pairs,
        () => neighbours(f, places, i32.sub(end, begin), i32.shr_u(size, 1)),
        () => halves(f, places, i32.sub(end, begin), seq, i32.shr_u(headDim, 1)),
      );
    },
  );
}

/** Where the kernel reads and writes; `sign` flips the sign of sines, or does not. */
interface Places {
  out: Local<"i32">;
  x: Local<"i32">;
  cos: I32;
  sin: I32;
  sign: V128;
}

/** Element i of a head's first half meets element i of the second. `half` is headDim / 2. */
function halves(f: FunctionBody, { out, x, cos, sin, sign }: Places, heads: I32, seq: I32, half: I32): void {
  const cosine = f.local("i32");
  const sine = f.local("i32");
  const second = f.let(i32.shl(half, 2));
  const head = f.let(heads);
  f.while(head, () => {
    f.set(cosine, cos);
    f.set(sine, sin);
    const position = f.let(seq);
    f.while(position, () => {
      const pointers = [out, x, cosine, sine];
      eachElement(f, f.let(half), pointers, ({ load, store }) => {
        const a = f.let(load(x));
        const b = f.let(load(i32.add(x, second)));
        const c = f.let(load(cosine));
        const s = f.let(v128.xor(load(sine), sign));
        f.do(
          store(out, f32x4.sub(f32x4.mul(a, c), f32x4.mul(b, s))),
          store(i32.add(out, second), f32x4.add(f32x4.mul(b, c), f32x4.mul(a, s))),
        );
      });
      f.increase(out, second);
      f.increase(x, second);
      f.increase(position, -1);
    });
    f.increase(head, -1);
  });
}

/** Element 2i meets element 2i + 1, so that a whole head is one row of `count` pairs, its angles another. */
function neighbours(f: FunctionBody, { out, x, cos, sin, sign }: Places, heads: I32, count: I32): void {
  const cosine = f.local("i32");
  const sine = f.local("i32");
  // The first of a pair takes the product with the sine away.
  const signs = f.let(v128.xor(sign, i32x4.const(1 << 31, 0)));
  const turn = (value: V128, c: V128, s: V128): V128 => {
    const pair = f.let(value);
    const swapped = i32x4.shuffle(pair, pair, 1, 0, 3, 2);
    return f32x4.add(f32x4.mul(pair, c), f32x4.mul(swapped, v128.xor(s, signs)));
  };
  const twice = (values: V128): V128 => {
    const two = f.let(values);
    return i32x4.shuffle(two, two, 0, 0, 1, 1);
  };
  const head = f.let(heads);
  f.while(head, () => {
    f.set(cosine, cos);
    f.set(sine, sin);
    const left = f.let(count);
    const advance = (pairs: number): void => {
      f.increase(out, 8 * pairs);
      f.increase(x, 8 * pairs);
      f.increase(cosine, 4 * pairs);
      f.increase(sine, 4 * pairs);
      f.increase(left, -pairs);
    };
    f.while(i32.ge_u(left, 2), () => {
      f.do(v128.store(out, turn(v128.load(x), twice(v128.load64_zero(cosine)), twice(v128.load64_zero(sine)))));
      advance(2);
    });
    f.if(left, () => {
      const turned = turn(v128.load64_zero(x), v128.load32_splat(cosine), v128.load32_splat(sine));
      f.do(v128.store64_lane(out, turned, 0));
      advance(1);
    });
    f.increase(head, -1);
  });
}
