extern int imported(int);
extern int other(int);
static volatile int sink;
static __attribute__((noinline)) int hidden(int n) { return sink + imported(n); }
__attribute__((noinline)) int exported(int n) { return hidden(n) + other(n); }
int entry(int n) { return exported(n) * 2; }
