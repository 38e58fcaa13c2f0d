/* Test vectors of tiny_net: tiny_net_invoke() must make these outputs of these inputs, bit for bit. */
#ifndef TINY_NET_TEST_VECTORS_H
#define TINY_NET_TEST_VECTORS_H

#include "tiny_net.h"

#define TINY_NET_TEST_VECTORS 8

static const int8_t tiny_net_test_inputs[TINY_NET_TEST_VECTORS][TINY_NET_INPUT_LEN] = {
  {127, 127, 127, 127},
  {-128, -128, -128, -128},
  {-22, 19, 8, 25},
  {0, 27, 120, 58},
  {33, 11, 15, 111},
  {-57, 80, 43, -128},
  {-28, 91, 13, -120},
  {67, 58, 88, -84}
};

static const int8_t tiny_net_test_outputs[TINY_NET_TEST_VECTORS][TINY_NET_OUTPUT_LEN] = {{3, 127}, {69, 3}, {3, 38}, {24, 3}, {3, 127}, {111, 3}, {83, 3}, {127, 3}};

#endif
