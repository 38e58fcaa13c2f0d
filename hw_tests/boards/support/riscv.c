/* Start-up of a bare-metal program on QEMU's RISC-V board: a loader has put everything into memory already. */
int main(void);

__attribute__((naked, used, section(".start"))) void start(void) {
  __asm__ volatile("la sp, stack_top\n call main\n0: j 0b");
}
