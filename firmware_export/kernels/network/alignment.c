/* Words lie at multiples of 8, but on cores that load them from anywhere, and whose compilers therefore align nothing:
 * an AVR. */
#if defined(__BIGGEST_ALIGNMENT__) && __BIGGEST_ALIGNMENT__ < 8
#define MODEL_ALIGNMENT ((uintptr_t)__BIGGEST_ALIGNMENT__)
#else
#define MODEL_ALIGNMENT ((uintptr_t)8)
#endif
