/* QEMU plugin: guest instructions between board_count_begin() and board_count_end(), one number a line.
 *
 *   qemu-system-arm ... -plugin ./count.so,out=FILE
 *
 * Exact and repeatable, but instructions, not cycles. Debian ships no qemu-plugin.h, so the few prototypes of the
 * plugin interface (version 1) that are used stand here. */
#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

typedef uint64_t qemu_plugin_id_t;
typedef struct qemu_info_t qemu_info_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
enum { CALLBACK_TOUCHES_NO_REGISTERS = 0, OPERATION_ADD_U64 = 0 };

void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id,
                                           void (*callback)(qemu_plugin_id_t, struct qemu_plugin_tb *));
void qemu_plugin_register_atexit_cb(qemu_plugin_id_t id, void (*callback)(qemu_plugin_id_t, void *), void *data);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *insn, void (*callback)(unsigned, void *),
                                            int flags, void *data);
void qemu_plugin_register_vcpu_insn_exec_inline(struct qemu_plugin_insn *insn, int operation, void *address,
                                                uint64_t operand);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t index);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *insn);
const char *qemu_plugin_insn_symbol(const struct qemu_plugin_insn *insn);

#define EXPORTED __attribute__((visibility("default")))
EXPORTED int qemu_plugin_version = 1;

static uint64_t executed;     /* by the guest, since it started */
static uint64_t at_begin;     /* the same when the region began */
static bool counting;
static uint64_t begin_address, end_address;
static FILE *out;

static void on_begin(unsigned cpu, void *data) {
  (void)cpu;
  (void)data;
  at_begin = executed;
  counting = true;
}

static void on_end(unsigned cpu, void *data) {
  (void)cpu;
  (void)data;
  if (counting) fprintf(out, "%" PRIu64 "\n", executed - at_begin);
  counting = false;
}

/* Whether this is the first instruction of the function: a symbol covers all of them. */
static bool starts(const struct qemu_plugin_insn *insn, const char *function, uint64_t *address) {
  const char *symbol = qemu_plugin_insn_symbol(insn);
  if (symbol == NULL || strcmp(symbol, function) != 0) return false;
  uint64_t here = qemu_plugin_insn_vaddr(insn);
  if (*address == 0 || here < *address) *address = here;
  return here == *address;
}

static void on_translate(qemu_plugin_id_t id, struct qemu_plugin_tb *tb) {
  (void)id;
  for (size_t i = 0; i < qemu_plugin_tb_n_insns(tb); ++i) {
    struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
    if (starts(insn, "board_count_begin", &begin_address))
      qemu_plugin_register_vcpu_insn_exec_cb(insn, on_begin, CALLBACK_TOUCHES_NO_REGISTERS, NULL);
    if (starts(insn, "board_count_end", &end_address))
      qemu_plugin_register_vcpu_insn_exec_cb(insn, on_end, CALLBACK_TOUCHES_NO_REGISTERS, NULL);
    qemu_plugin_register_vcpu_insn_exec_inline(insn, OPERATION_ADD_U64, &executed, 1);
  }
}

static void on_exit_of_guest(qemu_plugin_id_t id, void *data) {
  (void)id;
  (void)data;
  fclose(out);
}

EXPORTED int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc, char **argv) {
  (void)info;
  if (argc != 1 || strncmp(argv[0], "out=", 4) != 0) return -1;
  out = fopen(argv[0] + 4, "w");
  if (out == NULL) return -1;
  qemu_plugin_register_vcpu_tb_trans_cb(id, on_translate);
  qemu_plugin_register_atexit_cb(id, on_exit_of_guest, NULL);
  return 0;
}
