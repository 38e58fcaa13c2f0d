#if MODEL_MVE
/* The vector extension (MVE): 32 inputs at a time for a pair of channels, and four sums to outputs.
 *
 * It reads the weights as they lie for the other forms: bytes 0 and 2 of each four belong to the lower channel, 1 and
 * 3 to the upper one, for inputs k, k+1 and k+2, k+3. Whole blocks of 64 bytes are read. What lies behind a pair's
 * weights meets zeros in the column; behind the last pair the parameters go on for 60 bytes at least. */

/* 32 inputs of a column in the order of the weights; two vectors of two bytes side by side. */
MODEL_LOCAL int16x8x2_t model_column_block(const int8_t *column)
{
  return vld2q_s16((const int16_t *)(const void *)column);
}

/* The weights of a pair of channels for 32 inputs; an upper byte that is part of a number lacks one where the lower
 * byte is negative. */
MODEL_LOCAL int8x16x4_t model_weight_block(const int8_t *weights, int split)
{
  int8x16x4_t block = vld4q_s8(weights);
  if (split) {
    block.val[1] = vsubq_s8(block.val[1], vshrq_n_s8(block.val[0], 7));
    block.val[3] = vsubq_s8(block.val[3], vshrq_n_s8(block.val[2], 7));
  }
  return block;
}

MODEL_LOCAL int32_t model_lower_sum(int32_t sum, int8x16x4_t weights, int16x8x2_t column)
{
  sum = vmladavaq_s8(sum, weights.val[0], vreinterpretq_s8_s16(column.val[0]));
  return vmladavaq_s8(sum, weights.val[2], vreinterpretq_s8_s16(column.val[1]));
}

MODEL_LOCAL int32_t model_upper_sum(int32_t sum, int8x16x4_t weights, int16x8x2_t column)
{
  sum = vmladavaq_s8(sum, weights.val[1], vreinterpretq_s8_s16(column.val[0]));
  return vmladavaq_s8(sum, weights.val[3], vreinterpretq_s8_s16(column.val[1]));
}

/* Four values shifted, to the right where the shift is negative, rounded half away from zero then. */
MODEL_LOCAL int32x4_t model_shift_four(int32x4_t values, int32x4_t shift)
{
  return vrshlq_s32(vaddq_s32(values, vshrq_n_s32(vandq_s32(values, shift), 31)), shift);
}

MODEL_LOCAL int32x4_t model_clamp_four(int32x4_t values, const struct model_output *out)
{
  values = vqaddq_n_s32(values, out->offset >> 1);
  return vminq_s32(vmaxq_s32(values, vdupq_n_s32(out->low)), vdupq_n_s32(out->high));
}

/* Four sums to outputs, each with its multiplier and its shift, which is to the left where it is positive. */
MODEL_LOCAL int32x4_t model_finish_four(int32x4_t sums, int32x4_t multiplier, int32x4_t shift,
                                        const struct model_output *out)
{
#if MODEL_SHIFTS > 0
  const int32x4_t right = vminq_s32(shift, vdupq_n_s32(0));
  sums = vqrdmulhq_s32(vshlq_s32(sums, vmaxq_s32(shift, vdupq_n_s32(0))), multiplier);
  return model_clamp_four(model_shift_four(sums, right), out);
#else
  sums = vqrdmulhq_s32(sums, multiplier);
  sums = vaddq_s32(sums, vshrq_n_s32(sums, 31));
  return model_clamp_four(vrshlq_s32(sums, shift), out);
#endif
}

/* Four sums of one channel to outputs. */
MODEL_LOCAL int32x4_t model_finish_alike(int32x4_t sums, const struct model_channel *channel,
                                         const struct model_output *out)
{
#if MODEL_SHIFTS > 0
  return model_finish_four(sums, vdupq_n_s32(channel->multiplier), vdupq_n_s32(~channel->shift), out);
#else
  sums = vqrdmulhq_n_s32(sums, channel->multiplier);
  sums = vaddq_s32(sums, vshrq_n_s32(sums, 31));
  return model_clamp_four(vrshlq_n_s32(sums, ~channel->shift), out);
#endif
}

/* The same member of four channels. */
MODEL_LOCAL int32x4_t model_of_four(const int32_t *member)
{
  return vldrwq_gather_offset_s32(member, vidupq_n_u32(0, 1) * (uint32_t)sizeof(struct model_channel));
}
#endif
