/* The parameters, seen through a pointer that tells the compiler nothing of the numbers: the code then depends on
 * the shapes only, and other parameters of the same shapes can take the place of these. */
#ifdef MODEL_UPDATABLE
extern const struct model_params *model_params_in_use; /* these at first; a program may point it at others */
extern const size_t model_params_size;
const struct model_params *model_params_in_use = &model_params;
const size_t model_params_size = sizeof(struct model_params);
#endif

MODEL_INLINE const struct model_params *model_parameters(void) {
#ifdef MODEL_UPDATABLE
  const struct model_params *p = model_params_in_use;
#else
  const struct model_params *p = &model_params;
#endif
#if defined(__GNUC__)
  __asm__("" : "+r"(p));
#endif
  return p;
}
