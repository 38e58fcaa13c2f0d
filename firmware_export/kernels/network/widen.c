/* A column is words of two int16 lanes; four columns lie side by side, word by word. */
MODEL_LOCAL int16_t *model_column_at(int16_t *scratch, size_t words, size_t i)
{
  (void)words;
  return scratch + 2 * i;
}

/* Nothing is read that is not written before. */
MODEL_LOCAL void model_clear_columns(int16_t *scratch, size_t words, size_t columns)
{
  (void)scratch;
  (void)words;
  (void)columns;
}

/* `count` bytes to words `stride` apart; a last incomplete four is filled with zeros. */
static MODEL_HOT void model_widen(const int8_t *from, int16_t *to, size_t count, size_t stride)
{
  for (; count >= 16; count -= 16) {
    model_widen_word(model_load(from), to, stride);
    to += 4 * stride;
    model_widen_word(model_load(from + 4), to, stride);
    to += 4 * stride;
    model_widen_word(model_load(from + 8), to, stride);
    to += 4 * stride;
    model_widen_word(model_load(from + 12), to, stride);
    to += 4 * stride;
    from += 16;
  }
  for (; count >= 4; count -= 4) {
    model_widen_word(model_load(from), to, stride);
    to += 4 * stride;
    from += 4;
  }
  if (count > 0) {
    uint32_t word = (uint8_t)from[0];
    if (count > 1) word |= (uint32_t)(uint8_t)from[1] << 8;
    if (count > 2) word |= (uint32_t)(uint8_t)from[2] << 16;
    model_widen_word(word, to, stride);
  }
}
