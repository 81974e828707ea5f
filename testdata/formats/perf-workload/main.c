#include <pthread.h>
#include <stdio.h>
#include <unistd.h>
#include <sys/prctl.h>
static inline __attribute__((always_inline)) long tiny(long n){ volatile long s=0; for(long i=0;i<n;i++) s+=i; return s; }
__attribute__((noinline)) long outer(long n){ long s=0; for(int i=0;i<300;i++) s+=tiny(n); return s; }
void* worker(void* a){ prctl(PR_SET_NAME, "worker 1"); outer(200000); return 0; }
int main(){ pthread_t t; pthread_create(&t,0,worker,0); outer(100000); for(int i=0;i<2000;i++){ FILE*f=fopen("/proc/self/maps","r"); char b[4096]; while(fread(b,1,4096,f)>0); fclose(f);} pthread_join(t,0); return 0; }
