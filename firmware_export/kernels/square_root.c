/* floor(sqrt(n)), n >= 1. */
static inline uint32_t model_square_root(uint32_t n) {
#if defined(__GNUC__) && (!defined(__arm__) || defined(__ARM_FEATURE_IDIV))
  /* n brought to [2^30, 2^32) by an even shift; a line that is 9 % off at most, two Newton steps, and the one unit
   * that they can be too high. */
  uint32_t zeros = (uint32_t)__builtin_clz(n) & 30u;
  uint32_t root;
  n <<= zeros;
  root = (n >> 17) + 27392u;
  root = (root + n / root) >> 1;
  root = (root + n / root) >> 1;
  root -= (n - root * root) >> 31;
  return root >> (zeros >> 1);
#else
  /* Bit by bit, for cores without division. */
  uint32_t root = 0u;
  for (uint32_t bit = 0x40000000u; bit != 0u; bit >>= 2) {
    uint32_t trial = root + bit;
    root >>= 1;
    if (n >= trial) {
      n -= trial;
      root += bit;
    }
  }
  return root;
#endif
}
