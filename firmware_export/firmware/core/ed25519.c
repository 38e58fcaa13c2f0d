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
struct point {
  number x, y, z, t;
};

static const number prime = {
    0xffed, 0xffff, 0xffff, 0xffff, 0xffff, 0xffff, 0xffff, 0xffff,
    0xffff, 0xffff, 0xffff, 0xffff, 0xffff, 0xffff, 0xffff, 0x7fff,
};
static const number order = {
    0xd3ed, 0x5cf5, 0x631a, 0x5812, 0x9cd6, 0xa2f7, 0xf9de, 0x14de,
    0x0000, 0x0000, 0x0000, 0x0000, 0x0000, 0x0000, 0x0000, 0x1000,
};
static const number curve_d = {
    0x78a3, 0x1359, 0x4dca, 0x75eb, 0xd8ab, 0x4141, 0x0a4d, 0x0070,
    0xe898, 0x7779, 0x4079, 0x8cc7, 0xfe73, 0x2b6f, 0x6cee, 0x5203,
};
static const number root_of_minus_1 = {
    0xa0b0, 0x4a0e, 0x1b27, 0xc4ee, 0xe478, 0xad2f, 0x1806, 0x2f43,
    0xd7a7, 0x3dfb, 0x0099, 0x2b4d, 0xdf0b, 0x4fc1, 0x2480, 0x2b83,
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

/* p += q. Complete, so it doubles as well; p may be q. Hisil, Wong, Carter, Dawson, "Twisted Edwards curves
 * revisited", section 3.1. */
static void add(struct point *p, const struct point *q) {
  number a, b, c;
  combine(a, p->y, -1, p->x);
  combine(c, q->y, -1, q->x);
  multiply(a, a, c);
  combine(b, p->y, 1, p->x);
  combine(c, q->y, 1, q->x);
  multiply(b, b, c);
  multiply(c, p->t, q->t);
  multiply(c, c, curve_d);
  multiply(p->z, p->z, q->z); /* from here on p is room for what comes between */
  combine(p->t, b, -1, a);    /* E */
  combine(b, b, 1, a);        /* H */
  combine(a, p->z, 1, p->z);  /* D */
  combine(p->z, a, -2, c);    /* F */
  combine(c, a, 2, c);        /* G */
  multiply(p->x, p->t, p->z);
  multiply(p->y, b, c);
  multiply(p->t, p->t, b);
  multiply(p->z, p->z, c);
}

/* The point that 32 bytes stand for, or its negative. Whether it is one, and not of small order: eight times such a
 * point, which `eightfold` is room for, is the neutral one. */
static int decode(struct point *p, const uint8_t *bytes, unsigned negative, struct point *eightfold) {
  number u, v, w = {1};
  memcpy(p->y, bytes, sizeof p->y);
  negative ^= p->y[LIMBS - 1] >> 15;
  p->y[LIMBS - 1] &= 0x7fff;
  if (!subtract(u, p->y, prime)) return 0;
  memcpy(p->z, w, sizeof w);
  /* x^2 = u/v, and v is not 0. A root of it is u (uv)^((p - 5) / 8), or that times a root of -1. */
  multiply(u, p->y, p->y);
  multiply(v, u, curve_d);
  combine(u, u, -1, p->z);
  combine(v, v, 1, p->z);
  multiply(p->t, u, v);
  for (unsigned bit = 252; bit-- != 0;) { /* (p - 5) / 8 = 2^252 - 3 */
    multiply(w, w, w);
    if (bit != 1) multiply(w, w, p->t);
  }
  multiply(p->x, u, w);
  multiply(w, p->x, p->x);
  multiply(w, w, v);
  combine(v, w, -1, u);
  if (!is_zero(v)) {
    combine(v, w, 1, u);
    if (!is_zero(v)) return 0;
    multiply(p->x, p->x, root_of_minus_1);
  }
  reduce(p->x, prime);
  if ((p->x[0] & 1u) != negative) subtract(p->x, prime, p->x);
  multiply(p->t, p->x, p->y);
  *eightfold = *p;
  for (unsigned i = 0; i < 3; ++i) add(eightfold, eightfold);
  return !is_zero(eightfold->x);
}

/* SHA-512 of R, key and message, modulo the order. */
SEPARATE static void challenge(number h, const uint8_t *signature, const uint8_t *key, const uint8_t *message,
                               size_t length) {
  struct sha512 hash;
  const uint8_t *digest;
  sha512_start(&hash);
  sha512_add(&hash, signature, 32);
  sha512_add(&hash, key, 32);
  sha512_add(&hash, message, length);
  digest = sha512_finish(&hash);
  memset(h, 0, sizeof(number));
  for (unsigned bit = 512; bit-- != 0;) {
    combine(h, h, 1, h);
    h[0] = (uint16_t)(h[0] | (digest[bit / 8] >> bit % 8 & 1));
    reduce(h, order);
  }
}

/* The points of a check. */
struct points {
  struct point sum, a, b;
};

typedef char points_fit[sizeof(struct points) == ED25519_ROOM ? 1 : -1];

/* Whether S B = R + h A: there is no need to multiply that by 8, and libsodium does not either. */
SEPARATE static int holds(const uint8_t *signature, const uint8_t *key, const number s, const number h,
                          struct points *p) {
  uint8_t base[32];
  memset(base, 0x66, sizeof base); /* y = 4/5 */
  base[0] = 0x58;
  if (!decode(&p->a, key, 1, &p->sum) || !decode(&p->b, base, 0, &p->sum)) return 0;
  memset(&p->sum, 0, sizeof p->sum);
  p->sum.y[0] = p->sum.z[0] = 1;
  for (unsigned bit = 256; bit-- != 0;) {
    add(&p->sum, &p->sum);
    if (h[bit / 16] >> bit % 16 & 1) add(&p->sum, &p->a);
    if (s[bit / 16] >> bit % 16 & 1) add(&p->sum, &p->b);
  }
  if (!decode(&p->b, signature, 1, &p->a)) return 0;
  add(&p->sum, &p->b);
  combine(p->sum.y, p->sum.y, -1, p->sum.z);
  return is_zero(p->sum.x) && is_zero(p->sum.y);
}

int ed25519_verify(const uint8_t signature[64], const uint8_t key[32], const uint8_t *message, size_t length,
                   void *room) {
  number s, h;
  memcpy(s, signature + 32, sizeof s);
  if (!subtract(h, s, order)) return 0;
  challenge(h, signature, key, message, length);
  return holds(signature, key, s, h, room);
}
