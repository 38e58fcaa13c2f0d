/* A column is bytes, up to a multiple of 32; those behind the last input are zero. */
#define MODEL_COLUMN_WORDS(words) (((words) + 15) / 16 * 16)

/* Column `i` of those in `scratch`. */
MODEL_LOCAL int16_t *model_column_at(int16_t *scratch, size_t words, size_t i)
{
  return scratch + MODEL_COLUMN_WORDS(words) * i;
}

/* Zeros for what lies behind the last input of each column; inputs are written over the rest. */
MODEL_LOCAL void model_clear_columns(int16_t *scratch, size_t words, size_t columns)
{
  for (size_t i = 1; i <= columns; i++) {
    int8_t *end = (int8_t *)(scratch + MODEL_COLUMN_WORDS(words) * i);
    vstrbq_s8(end - 32, vdupq_n_s8(0));
    vstrbq_s8(end - 16, vdupq_n_s8(0));
  }
}

/* `count` bytes to a column. */
static MODEL_HOT void model_widen(const int8_t *from, int16_t *to, size_t count, size_t stride)
{
  int8_t *bytes = (int8_t *)to;
  (void)stride;
  for (; count >= 16; count -= 16) {
    vstrbq_s8(bytes, vldrbq_s8(from));
    bytes += 16;
    from += 16;
  }
  if (count > 0) {
    mve_pred16_t rest = vctp8q((uint32_t)count);
    vstrbq_p_s8(bytes, vldrbq_z_s8(from, rest), rest);
  }
}
