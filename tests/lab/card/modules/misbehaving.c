/* A PKCS#11 module that goes wrong in one way, chosen when it is compiled (-DCRASH_ON_START and so on). */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef unsigned long CK_RV;

static void crash(void) { *(volatile int *)0 = 1; }

#ifdef LEAVES_A_THREAD
static void *spin(void *unused) { for (;;) usleep(1000); return unused; }
#endif

static CK_RV start(void *arguments) {
    (void)arguments;
#ifdef CRASH_ON_START
    crash();
#endif
#ifdef ABORT_ON_START
    abort();
#endif
#ifdef HANG_ON_START
    for (;;) pause();
#endif
#ifdef EXIT_ON_START
    exit(0);
#endif
#ifdef EXIT_SEVEN_ON_START
    _exit(7);
#endif
#if defined FAILS_THE_FIRST_TIME || defined HANGS_THE_FIRST_TIME
    /* A mark beside the file of the module tells the first time from the others. */
    Dl_info self;
    char mark[4096];
    if (dladdr((void *)start, &self) == 0) return 0x30;
    snprintf(mark, sizeof mark, "%s.seen", self.dli_fname);
    if (access(mark, F_OK) != 0) {
        close(open(mark, O_CREAT | O_WRONLY, 0600));
#ifdef HANGS_THE_FIRST_TIME
        for (;;) pause();
#endif
        return 0x30;
    }
#endif
#ifdef REFUSE_TO_START
    return 0x30; /* CKR_DEVICE_ERROR */
#endif
#ifdef NOISE
    puts("Le porteur de la carte est connu");
    fflush(stdout);
    fputs("bruit\n", stderr);
#endif
#ifdef FLOOD
    for (;;) puts("bruit sans fin bruit sans fin bruit sans fin bruit sans fin");
#endif
#ifdef LEAVES_A_CHILD
    if (fork() == 0) for (;;) pause();
#endif
#ifdef FORKS_AND_FORKS
    /* A bounded bomb: 2 to the power of 6 processes that never end. */
    int child = 0;
    for (int i = 0; i < 6; i++) if (fork() == 0) child = 1;
    if (child) for (;;) pause();
#endif
#ifdef LEAVES_THE_SESSION
    /* What a module does that starts a server of its own: it leaves the session and keeps every descriptor. It ends by itself, long after the
     * slowest machine has had the answer. */
    if (fork() == 0) {
        setsid();
        sleep(60);
        _exit(0);
    }
#endif
#ifdef LEAVES_A_THREAD
    pthread_t thread;
    pthread_create(&thread, NULL, spin, NULL);
#endif
#ifdef MASKS_SIGNALS
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, NULL);
    signal(SIGTERM, SIG_IGN);
    for (;;) pause();
#endif
#ifdef CLOSES_DESCRIPTORS
    for (int fd = 0; fd < 256; fd++) close(fd);
#endif
#ifdef READS_INPUT
    char typed[16];
    if (read(0, typed, sizeof typed) != 0) return 0x30;
#endif
#ifdef FLOOD_OF_ANSWERS
    for (;;) for (int fd = 3; fd < 20; fd++) if (write(fd, "{\"stage\": \"start\"}\n", 19) < 0) continue;
#endif
#ifdef FORGE_THE_ANSWER
    /* The private descriptor is somewhere above 2: write something that is no answer on all of them. */
    for (int fd = 3; fd < 20; fd++) if (write(fd, "{\"answer\": 1}\n", 14) < 0) continue;
    _exit(0);
#endif
    return 0;
}

static CK_RV finish(void *arguments) {
    (void)arguments;
#ifdef CRASH_AT_THE_END
    crash();
#endif
    return 0;
}

static CK_RV information(unsigned char *info) {
#ifdef CRASH_ON_INFORMATION
    crash();
#endif
    memset(info, ' ', 88);
    info[0] = 2;
    info[1] = 20;
    memset(info + 40, 0, sizeof(unsigned long));
    info[80] = 1;
    info[81] = 7;
    return 0;
}

static CK_RV slots(unsigned char present, unsigned long *list, unsigned long *count) {
    (void)present;
    (void)list;
#ifdef HANG_ON_SLOTS
    for (;;) pause();
#endif
#ifdef HUGE_LIST
    *count = 1UL << 34;
    return 0;
#endif
#ifdef LATIN_1
    if (list != NULL) *list = 0;
    *count = 1;
    return 0;
#endif
    *count = 0;
    return 0;
}

#ifdef LATIN_1
static CK_RV slot_information(unsigned long slot, unsigned char *info) {
    (void)slot;
    memset(info, 0, 64 + 32 + sizeof(unsigned long) + 4);
    memset(info, ' ', 96);
    memcpy(info, "Lecteur de cartes \xe0 puce", 24);
    return 0;
}
#endif

static CK_RV unsupported(void) { return 0x54; }

static struct {
    unsigned char major, minor;
    void *functions[68];
} list;

CK_RV C_GetFunctionList(void **out) {
#ifdef CRASH_ON_LIST
    crash();
#endif
    list.major = 2;
    list.minor = 20;
    for (int i = 0; i < 68; i++) list.functions[i] = (void *)unsupported;
    list.functions[0] = (void *)start;
    list.functions[1] = (void *)finish;
    list.functions[2] = (void *)information;
    list.functions[3] = (void *)C_GetFunctionList;
    list.functions[4] = (void *)slots;
#ifdef LATIN_1
    list.functions[5] = (void *)slot_information;
#endif
    *out = &list;
    return 0;
}

#ifdef CRASH_ON_LOAD
__attribute__((constructor)) static void constructor(void) { crash(); }
#endif
#ifdef NEEDS_WHAT_IS_NOT_THERE
extern int une_fonction_qui_nexiste_pas(void);
int need(void) { return une_fonction_qui_nexiste_pas(); }
#endif
