/*
 * Lets the n-th call of one system call of a running process really move fewer bytes than it was asked for, as a disk that is about to be
 * full or a signal can do. Nothing is lied about: the kernel is given a smaller length and answers for itself.
 *
 *   shorten -c CALL -n NUMBER [-a] (-b BYTES | -h) -o REPORT -p PID
 *
 *   -a  this call and all that follow     -b  at most so many bytes     -h  half of what was asked
 *
 * Used by tests/faults/child.py in the place of strace, which can make calls fail but not make them short.
 */
#define _GNU_SOURCE
#include <elf.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__x86_64__)
typedef struct user_regs_struct registers;
#define CALL(r) ((long)(r)->orig_rax)
#define ARGUMENT2(r) ((r)->rsi)
#define ARGUMENT3(r) ((r)->rdx)
#define ARGUMENT4(r) ((r)->r10)
#define ARGUMENT5(r) ((r)->r8)
#elif defined(__aarch64__)
typedef struct user_pt_regs registers;
#define CALL(r) ((long)(r)->regs[8])
#define ARGUMENT2(r) ((r)->regs[1])
#define ARGUMENT3(r) ((r)->regs[2])
#define ARGUMENT4(r) ((r)->regs[3])
#define ARGUMENT5(r) ((r)->regs[4])
#else
#error "only x86_64 and aarch64 are known here"
#endif

enum kind { LENGTH3, LENGTH4, LENGTH5, VECTOR };

static const struct { const char *name; long number; enum kind kind; } CALLS[] = {
    {"read", SYS_read, LENGTH3},         {"write", SYS_write, LENGTH3},   {"pread64", SYS_pread64, LENGTH3},
    {"pwrite64", SYS_pwrite64, LENGTH3}, {"sendfile", SYS_sendfile, LENGTH4}, {"copy_file_range", SYS_copy_file_range, LENGTH5},
    {"readv", SYS_readv, VECTOR},        {"writev", SYS_writev, VECTOR},
};

static void fail(const char *what) { perror(what); exit(2); }

static void get(pid_t pid, registers *r) {
    struct iovec io = {r, sizeof *r};
    if (ptrace(PTRACE_GETREGSET, pid, (void *)NT_PRSTATUS, &io)) fail("PTRACE_GETREGSET");
}

static void set(pid_t pid, registers *r) {
    struct iovec io = {r, sizeof *r};
    if (ptrace(PTRACE_SETREGSET, pid, (void *)NT_PRSTATUS, &io)) fail("PTRACE_SETREGSET");
}

int main(int argc, char **argv) {
    const char *call = "", *report = "/dev/null";
    long number = 1, bytes = 1, wanted = -1, seen = 0, changed = 0;
    int option, always = 0, half = 0, status, inside = 0;
    pid_t pid = 0;
    enum kind kind = LENGTH3;
    unsigned long poked = 0, original = 0;

    while ((option = getopt(argc, argv, "c:n:ab:ho:p:")) != -1) {
        switch (option) {
        case 'c': call = optarg; break;
        case 'n': number = atol(optarg); break;
        case 'a': always = 1; break;
        case 'b': bytes = atol(optarg); break;
        case 'h': half = 1; break;
        case 'o': report = optarg; break;
        case 'p': pid = (pid_t)atol(optarg); break;
        default: return 2;
        }
    }
    for (size_t i = 0; i < sizeof CALLS / sizeof *CALLS; i++)
        if (!strcmp(call, CALLS[i].name)) { wanted = CALLS[i].number; kind = CALLS[i].kind; }
    if (wanted < 0 || pid <= 0) { fprintf(stderr, "shorten: unknown call or no process\n"); return 2; }
    FILE *out = fopen(report, "w");
    if (!out) fail(report);
    if (ptrace(PTRACE_SEIZE, pid, 0, (void *)(PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL))) fail("PTRACE_SEIZE");
    if (ptrace(PTRACE_INTERRUPT, pid, 0, 0)) fail("PTRACE_INTERRUPT");

    for (;;) {
        pid_t who = waitpid(pid, &status, __WALL);
        if (who < 0) { if (errno == EINTR) continue; break; }
        if (WIFEXITED(status) || WIFSIGNALED(status)) break;
        int passed = 0;
        if (WSTOPSIG(status) == (SIGTRAP | 0x80)) {
            registers r;
            get(pid, &r);
            inside = !inside;
            if (inside && CALL(&r) == wanted) {
                seen++;
                if (seen == number || (always && seen > number)) {
                    unsigned long asked, given;
                    if (kind == VECTOR) {
                        poked = ARGUMENT2(&r) + sizeof(void *);
                        errno = 0;
                        asked = original = (unsigned long)ptrace(PTRACE_PEEKDATA, pid, (void *)poked, 0);
                        if (errno) fail("PTRACE_PEEKDATA");
                    } else {
                        asked = kind == LENGTH3 ? ARGUMENT3(&r) : kind == LENGTH4 ? ARGUMENT4(&r) : ARGUMENT5(&r);
                    }
                    given = half ? (asked + 1) / 2 : (unsigned long)bytes;
                    if (given < asked) {
                        if (kind == VECTOR) {
                            if (ptrace(PTRACE_POKEDATA, pid, (void *)poked, (void *)given)) fail("PTRACE_POKEDATA");
                        } else {
                            if (kind == LENGTH3) ARGUMENT3(&r) = given;
                            else if (kind == LENGTH4) ARGUMENT4(&r) = given;
                            else ARGUMENT5(&r) = given;
                            set(pid, &r);
                        }
                        changed++;
                        if (changed <= 20) fprintf(out, "%s: %lu of %lu (INJECTED)\n", call, given, asked);
                        fflush(out);
                    } else poked = 0;
                }
            } else if (!inside && poked) {
                /* the caller's vector is its own: it must find it as it left it */
                if (ptrace(PTRACE_POKEDATA, pid, (void *)poked, (void *)original)) fail("PTRACE_POKEDATA");
                poked = 0;
            }
        } else if (status >> 16 == PTRACE_EVENT_STOP) {
            int sig = WSTOPSIG(status);
            if (sig == SIGSTOP || sig == SIGTSTP || sig == SIGTTIN || sig == SIGTTOU) {
                if (ptrace(PTRACE_LISTEN, pid, 0, 0)) fail("PTRACE_LISTEN");
                continue;
            }
        } else {
            passed = WSTOPSIG(status);
        }
        if (ptrace(PTRACE_SYSCALL, pid, 0, (void *)(long)passed) && errno != ESRCH) fail("PTRACE_SYSCALL");
    }
    fprintf(out, "%ld calls, %ld short\n", seen, changed);
    fclose(out);
    return 0;
}
