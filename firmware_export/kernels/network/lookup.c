/* Any function of one number: RELU, LOGISTIC, TANH, QUANTIZE and their like. `to` may be `from`. */
static MODEL_HOT void model_lookup(const int8_t *table, const int8_t *from, int8_t *to, size_t count)
{
  table += 128;
  for (const int8_t *end = from + count; from != end; from++) *to++ = table[*from];
}
