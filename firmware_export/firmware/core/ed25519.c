#include "ed25519.h"

#include <string.h>

#include "sha512.h"

/* Numbers of 256 bits, the lowest limb first. Those of the field stand for their rest modulo p = 2^255 - 19, and are
 * anything below 2^256 until they are reduced. On a little-endian core 32 bytes are one as they are. All that is
 * computed with is public: time tells nothing. */
#define LIMBS 16
typedef uint16_t number[LIMBS];

/* Not inlined: variables of two such functions are not on the stack at the same time. */
#define SEPARATE __attribute__((noinline))

/* x = X/Z, y = Y/Z, xy = T/Z, on -x^2 + y^2 = 1 + d x^2 y^2. */
typedef number point[4];

static const number prime = {
    0xffed, 0xffff, 0xffff, 0xffff, 0xffff, 0xffff, 0xffff, 0xffff,
    0xffff, 0xffff, 0xffff, 0xffff, 0xffff, 0xffff, 0xffff, 0x7fff,
};
static const number order = {
    0xd3ed, 0x5cf5, 0x631a, 0x5812, 0x9cd6, 0xa2f7, 0xf9de, 0x14de,
    0x0000, 0x0000, 0x0000, 0x0000, 0x0000, 0x0000, 0x0000, 0x1000,
};
/* Of the curve, and a root of -1. */
static const number constants[] = {
    {
        0x78a3, 0x1359, 0x4dca, 0x75eb, 0xd8ab, 0x4141, 0x0a4d, 0x0070,
        0xe898, 0x7779, 0x4079, 0x8cc7, 0xfe73, 0x2b6f, 0x6cee, 0x5203,
    },
    {
        0xa0b0, 0x4a0e, 0x1b27, 0xc4ee, 0xe478, 0xad2f, 0x1806, 0x2f43,
        0xd7a7, 0x3dfb, 0x0099, 0x2b4d, 0xdf0b, 0x4fc1, 0x2480, 0x2b83,
    },
};

/* r = a - b modulo 2^256; whether it is below 0. */
static int subtract(number r, const number a, const number b) {
  int32_t carry = 0;
  for (size_t i = 0; i < LIMBS; ++i) {
    carry += (int32_t)a[i] - b[i];
    r[i] = (uint16_t)carry;
    carry >>= 16;
  }
  return carry != 0;
}

static void reduce(number a, const number modulus) {
  number less;
  while (!subtract(less, a, modulus)) memcpy(a, less, sizeof less);
}

/* r = a + factor * b modulo p, of a small factor. */
static void combine(number r, const uint16_t *a, int32_t factor, const uint16_t *b) {
  int32_t carry = 0;
  for (size_t i = 0; i < LIMBS; ++i) {
    carry += a[i] + factor * b[i];
    r[i] = (uint16_t)carry;
    carry >>= 16;
  }
  /* What leaves at the top comes in at the bottom: 2^256 = 38. */
  while (carry != 0) {
    carry *= 38;
    for (size_t i = 0; i < LIMBS; ++i) {
      carry += r[i];
      r[i] = (uint16_t)carry;
      carry >>= 16;
    }
  }
}

/* sum += factor * b, where the limb of the sum after those of b is 0. A function of its own: its loop then has
 * registers enough on a Cortex-M0. */
SEPARATE static void add_multiple(uint16_t *sum, const number b, uint32_t factor) {
  uint32_t carry = 0;
  for (size_t i = 0; i < LIMBS; ++i) {
    carry += factor * b[i] + sum[i]; /* at most 2^32 - 1 */
    sum[i] = (uint16_t)carry;
    carry >>= 16;
  }
  sum[LIMBS] = (uint16_t)carry;
}

static void multiply(number r, const number a, const number b) {
  uint16_t product[2 * LIMBS] = {0};
  for (size_t i = 0; i < LIMBS; ++i) add_multiple(product + i, b, a[i]);
  combine(r, product, 38, product + LIMBS);
}

static int is_zero(const number a) {
  number least;
  uint16_t bits = 0;
  memcpy(least, a, sizeof least);
  reduce(least, prime);
  for (size_t i = 0; i < LIMBS; ++i) bits |= least[i];
  return bits == 0;
}

/* Calculations as data: a call takes a dozen bytes of code, and a step two. */
enum { X, Y, Z, T, X2, Y2, Z2, T2, A, B, C, D, CURVE_D, ROOT_OF_MINUS_1 };
enum { TIMES, MINUS_TWICE, MINUS, PLUS = 4, PLUS_TWICE }; /* 3 more than the factor */
#define STEP(result, first, operation, second) ((result) << 12 | (first) << 8 | (second) << 4 | (operation))
#define END 0

/* With X to T at p, X2 to T2 at q, A to D at others. */
static void calculate(const uint16_t *steps, number *p, number *q, number *others) {
  number *const banks[] = {p, q, others, (number *)(uintptr_t)constants}; /* no step has a constant as its result */
  for (; *steps != END; ++steps) {
    const unsigned operation = *steps & 15u;
    uint16_t *operands[3];
    for (unsigned i = 0, rest = *steps; i < 3; ++i) {
      rest >>= 4;
      operands[i] = banks[rest >> 2 & 3u][rest & 3u];
    }
    if (operation == TIMES) {
      multiply(operands[2], operands[1], operands[0]);
    } else {
      combine(operands[2], operands[1], (int32_t)operation - 3, operands[0]);
    }
  }
}

/* p += q. Complete, so it doubles as well; p may be q. Hisil, Wong, Carter, Dawson, "Twisted Edwards curves
 * revisited", section 3.1. */
static const uint16_t addition[] = {
    STEP(A, Y, MINUS, X),
    STEP(C, Y2, MINUS, X2),
    STEP(A, A, TIMES, C),
    STEP(B, Y, PLUS, X),
    STEP(C, Y2, PLUS, X2),
    STEP(B, B, TIMES, C),
    STEP(C, T, TIMES, T2),
    STEP(C, C, TIMES, CURVE_D),
    STEP(Z, Z, TIMES, Z2), /* from here on p is room for what comes between */
    STEP(T, B, MINUS, A),  /* E */
    STEP(B, B, PLUS, A),   /* H */
    STEP(A, Z, PLUS, Z),
    STEP(Z, A, MINUS_TWICE, C), /* F */
    STEP(C, A, PLUS_TWICE, C),  /* G */
    STEP(X, T, TIMES, Z),
    STEP(Y, B, TIMES, C),
    STEP(T, T, TIMES, B),
    STEP(Z, Z, TIMES, C),
    END,
};

static void add(number *p, number *q) {
  number others[4];
  calculate(addition, p, q, others);
}

/* x^2 = u/v, where v is not 0. A root of it is u (uv)^((p - 5) / 8), or that times a root of -1. A is u, B is v. */
static const uint16_t before_power[] = {
    STEP(A, Y, TIMES, Y), STEP(B, A, TIMES, CURVE_D), STEP(A, A, MINUS, Z),
    STEP(B, B, PLUS, Z),  STEP(T, A, TIMES, B),       END,
};
static const uint16_t power_square[] = {STEP(C, C, TIMES, C), END};
static const uint16_t power_multiply[] = {STEP(C, C, TIMES, T), END};
static const uint16_t after_power[] = {
    STEP(X, A, TIMES, C),
    STEP(C, X, TIMES, X),
    STEP(C, C, TIMES, B),
    STEP(B, C, MINUS, A), /* 0 where X is a root */
    STEP(C, C, PLUS, A),  /* 0 where the other is */
    END,
};
static const uint16_t other_root[] = {STEP(X, X, TIMES, ROOT_OF_MINUS_1), END};
static const uint16_t last_coordinate[] = {STEP(T, X, TIMES, Y), END};

/* The point that 32 bytes stand for, or its negative. Whether it is one, and not of small order: eight times such a
 * point, which `eightfold` is room for, is the neutral one. */
static int decode(number *p, const uint8_t *bytes, unsigned negative, number *eightfold) {
  number others[4] = {{0}, {0}, {1}};
  memcpy(p[Y], bytes, sizeof p[Y]);
  negative ^= p[Y][LIMBS - 1] >> 15;
  p[Y][LIMBS - 1] &= 0x7fff;
  if (!subtract(others[0], p[Y], prime)) return 0;
  memcpy(p[Z], others[2], sizeof p[Z]);
  calculate(before_power, p, p, others);
  for (unsigned bit = 252; bit-- != 0;) { /* (p - 5) / 8 = 2^252 - 3 */
    calculate(power_square, p, p, others);
    if (bit != 1) calculate(power_multiply, p, p, others);
  }
  calculate(after_power, p, p, others);
  if (!is_zero(others[1])) {
    if (!is_zero(others[2])) return 0;
    calculate(other_root, p, p, others);
  }
  reduce(p[X], prime);
  if ((p[X][0] & 1u) != negative) subtract(p[X], prime, p[X]);
  calculate(last_coordinate, p, p, others);
  memcpy(eightfold, p, sizeof(point));
  for (unsigned i = 0; i < 3; ++i) add(eightfold, eightfold);
  return !is_zero(eightfold[X]);
}

/* SHA-512 of R, key and message, modulo the order. */
SEPARATE static void challenge(number h, const uint8_t *signature, const uint8_t *key, const uint8_t *message,
                               size_t length) {
  struct sha512 hash;
  sha512_start(&hash);
  sha512_add(&hash, signature, 32);
  sha512_add(&hash, key, 32);
  sha512_add(&hash, message, length);
  sha512_finish(&hash);
  memset(h, 0, sizeof(number));
  for (unsigned bit = 512; bit-- != 0;) {
    combine(h, h, 1, h);
    h[0] = (uint16_t)(h[0] | (SHA512_BYTE(&hash, bit / 8) >> bit % 8 & 1));
    reduce(h, order);
  }
}

typedef char points_fit[3 * sizeof(point) == ED25519_ROOM ? 1 : -1];

/* Whether S B = R + h A: there is no need to multiply that by 8, and libsodium does not either. */
SEPARATE static int holds(const uint8_t *signature, const uint8_t *key, const number s, const number h, number *room) {
  number *const sum = room, *const a = sum + 4, *const b = a + 4;
  uint8_t base[32];
  memset(base, 0x66, sizeof base); /* y = 4/5 */
  base[0] = 0x58;
  if (!decode(a, key, 1, sum) || !decode(b, base, 0, sum)) return 0;
  memset(sum, 0, sizeof(point));
  sum[Y][0] = sum[Z][0] = 1;
  for (unsigned bit = 256; bit-- != 0;) {
    add(sum, sum);
    if (h[bit / 16] >> bit % 16 & 1) add(sum, a);
    if (s[bit / 16] >> bit % 16 & 1) add(sum, b);
  }
  if (!decode(b, signature, 1, a)) return 0;
  add(sum, b);
  combine(sum[Y], sum[Y], -1, sum[Z]);
  return is_zero(sum[X]) && is_zero(sum[Y]);
}

int ed25519_verify(const uint8_t signature[64], const uint8_t key[32], const uint8_t *message, size_t length,
                   void *room) {
  number s, h;
  memcpy(s, signature + 32, sizeof s);
  if (!subtract(h, s, order)) return 0;
  challenge(h, signature, key, message, length);
  return holds(signature, key, s, h, room);
}
