/* A middleware that asks for the code itself: it hands everything to another module (DELEGATE), says that it has a protected
 * authentication path, and types the code (PROMPTED_CODE) when C_Login comes without one. Stands for a pin-pad or a dialogue. */
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

typedef unsigned long CK_RV;
typedef CK_RV (*list_function)(void **);
typedef CK_RV (*token_function)(unsigned long, unsigned char *);
typedef CK_RV (*login_function)(unsigned long, unsigned long, const char *, unsigned long);

#define PROTECTED_AUTHENTICATION_PATH 0x100UL
#define FLAGS_OFFSET 96 /* label 32, manufacturer 32, model 16, serial 16 */

typedef struct {
    unsigned char major, minor;
    void *functions[68];
} function_list;

static function_list mine;
static function_list *theirs;

static CK_RV token_information(unsigned long slot, unsigned char *info) {
    CK_RV result = ((token_function)theirs->functions[6])(slot, info);
    if (result == 0) *(unsigned long *)(info + FLAGS_OFFSET) |= PROTECTED_AUTHENTICATION_PATH;
    return result;
}

static CK_RV login(unsigned long session, unsigned long user, const char *code, unsigned long length) {
    const char *typed = getenv("PROMPTED_CODE");
    if (code != NULL || length != 0 || typed == NULL) return 0xA0; /* CKR_PIN_INCORRECT: nobody but the person types a code */
    return ((login_function)theirs->functions[18])(session, user, typed, strlen(typed));
}

CK_RV C_GetFunctionList(void **out) {
    void *module = dlopen(getenv("DELEGATE"), RTLD_NOW);
    if (module == NULL) return 0x30;
    list_function list = (list_function)dlsym(module, "C_GetFunctionList");
    if (list == NULL || list((void **)&theirs) != 0) return 0x30;
    memcpy(&mine, theirs, sizeof mine);
    mine.functions[3] = (void *)C_GetFunctionList;
    mine.functions[6] = (void *)token_information;
    mine.functions[18] = (void *)login;
    *out = &mine;
    return 0;
}
