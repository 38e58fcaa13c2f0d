/* The parameters, seen through a pointer that tells the compiler nothing of the numbers: the code then depends on
 * the shapes only, and other parameters of the same shapes can take the place of these. */
MODEL_INLINE const struct model_params *model_parameters(void) {
  const struct model_params *p = &model_params;
#if defined(__GNUC__)
  __asm__("" : "+r"(p));
#endif
  return p;
}
