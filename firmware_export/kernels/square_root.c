#define MODEL_ROOT_LINE 27392u

/* floor(sqrt(n)), n >= 1; `line` is MODEL_ROOT_LINE, kept in a register by the caller's loop. */
MODEL_INLINE uint32_t model_square_root(uint32_t n, uint32_t line) {
#if defined(__GNUC__) && __SIZEOF_INT__ >= 4 && (!defined(__arm__) || defined(__ARM_FEATURE_IDIV))
  /* n brought to [2^30, 2^32) by an even shift; a line that is 9 % off at most; two Newton steps, the first kept
   * doubled and cut to a multiple of 4 so that the second loses less than one; never too low then, and the one
   * unit that it can be too high is taken back. */
  uint32_t zeros = (uint32_t)__builtin_clz(n) & 30u;
  uint32_t root;
  n <<= zeros;
  root = (n >> 17) + line;
  root = (root + n / root) & ~3u;
  root = (root >> 2) + n / root;
  root -= (n - root * root) >> 31;
  return root >> (zeros >> 1);
#else
  /* Bit by bit, for cores without division. */
  uint32_t root = 0u;
  (void)line;
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
