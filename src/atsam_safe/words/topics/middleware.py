"""References of the card middlewares and their registration with the system and its browsers."""

from __future__ import annotations

from typing import Final

from atsam_safe.words.reference import N_, Reference

REFERENCES: Final = (
    Reference(
        ref="middleware.none-known",
        what=N_("No card middleware is known for this system."),
        why=N_("The program does not know which one the components should bring."),
        next=N_("Nothing to do."),
        exit_code=11,
    ),
    Reference(
        ref="middleware.support-missing",
        what=N_("The middleware was not asked: the library “{library}” is not installed."),
        why=N_("Without it the program cannot ask the middleware what it sees; this is not a fault of the card."),
        next=N_("Have the program installed again with its card support (the extra “card”)."),
        exit_code=11,
    ),
    Reference(
        ref="middleware.absent",
        what=N_("The card library ({middleware}) is missing: {path}."),
        why=N_("Software reaches the card through this library: without it there is no card."),
        next=N_("Install the components again as a unit (“atsam-safe install”)."),
        exit_code=11,
    ),
    Reference(
        ref="middleware.truncated",
        what=N_("The card library ({middleware}) is damaged, its file is cut short: {path}."),
        why=N_("An interrupted installation or a full disk leaves such files; loading one ends the software that does."),
        next=N_("Install the components again as a unit (“atsam-safe install”)."),
        exit_code=11,
    ),
    Reference(
        ref="middleware.no-library",
        what=N_("What is in the place of the card library ({middleware}) is none: {path}."),
        why=N_("Something else lies in its place."),
        next=N_("Install the components again as a unit (“atsam-safe install”)."),
        exit_code=11,
    ),
    Reference(
        ref="middleware.wrong-architecture",
        what=N_("The card library ({middleware}) is not made for this computer's processor ({path}: {found}; computer: {hardware})."),
        why=N_("Software cannot load it and behaves as if there were no card."),
        next=N_("Install the build recommended for this computer (“atsam-safe check” names it)."),
        exit_code=11,
    ),
    Reference(
        ref="middleware.dependency-missing",
        what=N_("The card library ({middleware}) cannot be loaded: something it needs is missing ({path})."),
        why=N_("A component it rests on was removed or never installed."),
        next=N_("Install the components again as a unit (“atsam-safe install”)."),
        exit_code=11,
    ),
    Reference(
        ref="middleware.executable-stack",
        what=N_(
            "The system refuses to load the card library ({middleware}): it asks for a right that is no longer given, an "
            "“executable stack” ({path})."
        ),
        why=N_("Recent systems forbid this for safety; the library was made for older ones."),
        next=N_("Install a more recent build of the components; the present one cannot work on this system."),
        exit_code=11,
    ),
    Reference(
        ref="middleware.executable-stack-asked",
        what=N_("The card library ({middleware}) asks for a right that recent systems no longer give, an “executable stack” ({path})."),
        why=N_("It works here; a more recent system would refuse to load it."),
        next=N_("Nothing to do now. Take a more recent build before the system is upgraded."),
        exit_code=11,
    ),
    Reference(
        ref="middleware.refused",
        what=N_("The system refuses to load the card library ({middleware}): {path}."),
        why=N_("The reason it gives is not one the program knows."),
        next=N_("Install the components again as a unit (“atsam-safe install”)."),
        exit_code=11,
    ),
    Reference(
        ref="middleware.failed",
        what=N_("The card library ({middleware}) reports an error when it is started ({detail})."),
        why=N_("Software gets the same error and shows no card."),
        next=N_("Restart the workstation and run the check again. If nothing changes, install the components again."),
        exit_code=11,
    ),
    Reference(
        ref="middleware.crashed",
        what=N_("The card library ({middleware}) crashes (step “{stage}”, {detail})."),
        why=N_("Any software that uses the card would be ended the same way. This program is protected from it."),
        next=N_("Install the components again as a unit (“atsam-safe install”)."),
        exit_code=11,
    ),
    Reference(
        ref="middleware.hung",
        what=N_("The card library ({middleware}) did not answer in time (step “{stage}”)."),
        why=N_("Software that uses the card would freeze the same way."),
        next=N_("Unplug the reader and plug it in again, close the software that uses the card, and run the check again."),
        exit_code=11,
    ),
    Reference(
        ref="middleware.ended",
        what=N_("The card library ({middleware}) ended the program that loaded it (step “{stage}”, code {detail})."),
        why=N_("Any software that uses the card would disappear without a message."),
        next=N_("Install the components again as a unit (“atsam-safe install”)."),
        exit_code=11,
    ),
    Reference(
        ref="middleware.bad-answer",
        what=N_("What the card library ({middleware}) answers cannot be understood."),
        why=N_("It disturbs the program that loads it."),
        next=N_("Install the components again as a unit (“atsam-safe install”)."),
        exit_code=11,
    ),
    Reference(
        ref="middleware.noise",
        what=N_("The card library ({middleware}) prints messages of its own while it works."),
        why=N_("This disturbs programs that read its output; the card works all the same. The messages were not kept."),
        next=N_("Nothing to do."),
        exit_code=11,
    ),
    Reference(
        ref="middleware.foreign",
        what=N_("The library in the place of {middleware} is made by “{manufacturer}” (expected: {expected})."),
        why=N_("Another product has replaced the library that the components bring ({path})."),
        next=N_("Install the components again as a unit (“atsam-safe install”)."),
        exit_code=11,
    ),
    Reference(
        ref="middleware.manufacturer-unlisted",
        what=N_(
            "The card library ({middleware}) is made by “{manufacturer}”; which name the one of release {package} of the components "
            "gives is not known."
        ),
        why=N_("At the time of this release the agency that publishes it had another name: this alone proves no fault."),
        next=N_("Nothing to do."),
        exit_code=11,
    ),
    Reference(
        ref="middleware.other-version",
        what=N_("The card library ({middleware}) says it is version {reported}; release {package} of the components brings {expected}."),
        why=N_("Components of different releases are mixed."),
        next=N_("Install the components again as a unit (“atsam-safe install”)."),
        exit_code=11,
    ),
    Reference(
        ref="middleware.version-unlisted",
        what=N_(
            "The card library ({middleware}) says it is version {reported}; what release {package} of the components "
            "should bring is not known."
        ),
        why=N_("The version cannot be compared. This is not a fault."),
        next=N_("Nothing to do."),
        exit_code=11,
    ),
    Reference(
        ref="middleware.card-not-recognised",
        what=N_("The card library ({middleware}) does not recognise the card in “{reader}”."),
        why=N_("The card is newer than the middleware (a CPS4 needs Cryptolib CPS 5.2 or later), or its content is damaged."),
        next=N_("Try another CPS card. If none is recognised, install the components again as a unit (“atsam-safe install”)."),
        exit_code=11,
    ),
    Reference(
        ref="middleware.card-not-recognised.too-old",
        what=N_("The card library ({middleware}) does not recognise the {card} card in “{reader}”: {component} {installed} is too old."),
        why=N_("A {card} needs {component} {minimum} or later."),
        next=N_("Have one of these sets, listed for {os}, installed: {builds}. “atsam-safe check” judges its package before."),
        exit_code=11,
    ),
    Reference(
        ref="middleware.card-not-recognised.no-build",
        what=N_("The card library ({middleware}) does not recognise the {card} card in “{reader}”: {component} {installed} is too old."),
        why=N_(
            "A {card} needs {component} {minimum} or later, and no set known for {os} brings it: on this system no build reads this card."
        ),
        next=N_(
            "Do not install a build made for another system. Use an earlier card (CPS3) as long as it is valid, or use the {card} on a "
            "workstation with a more recent system."
        ),
        exit_code=11,
    ),
    Reference(
        ref="middleware.token-missing",
        what=N_("The card library ({middleware}) sees the reader “{reader}” but no card in it (error: {error})."),
        why=N_("The system sees the card there; the middleware does not follow."),
        next=N_(
            "Take the card out and insert it again, clear the card cache (“atsam-safe cards clear-cache”), then restart the workstation."
        ),
        exit_code=11,
    ),
    Reference(
        ref="middleware.token-elsewhere",
        what=N_("The card library ({middleware}) shows the card in “{found}”, while the system sees it in “{reader}”."),
        why=N_("Software would look for the card in the wrong place."),
        next=N_("Leave one CPS card in, unplug the reader and plug it in again, then run the check again."),
        exit_code=11,
    ),
    Reference(
        ref="middleware.reader-missing",
        what=N_("The card library ({middleware}) does not see the reader “{reader}”."),
        why=N_("The system sees it; the middleware does not."),
        next=N_("Restart the workstation. If nothing changes, install the components again."),
        exit_code=11,
    ),
    Reference(
        ref="middleware.other-card",
        what=N_("The card library ({middleware}) shows another card than the one in “{reader}”."),
        why=N_("What it shows comes from an earlier card."),
        next=N_("Clear the card cache (“atsam-safe cards clear-cache”), take the card out and insert it again."),
        exit_code=11,
    ),
    Reference(
        ref="middleware.several",
        what=N_("Several card middlewares are installed: {middlewares}."),
        why=N_("Each piece of software chooses its own; they share the reader. This is normal in many practices."),
        next=N_("Nothing to do."),
        exit_code=11,
    ),
    Reference(
        ref="configuration.firefox-missing",
        what=N_("Firefox does not know the card library."),
        why=N_("Web sites opened in Firefox cannot ask for the card. Other browsers and medical software are not concerned."),
        next=N_("If Firefox is used with the card, install the components again while Firefox is closed."),
        exit_code=11,
    ),
    Reference(
        ref="configuration.firefox-missing.nobody",
        what=N_("Firefox as a whole does not know the card library; the settings of the person who uses it were not looked at."),
        why=N_("Nobody's session was open, or it could not be told whose. The library may be registered there."),
        next=N_("Run the check again in the session of the person who uses Firefox."),
        exit_code=11,
    ),
    Reference(
        ref="configuration.firefox-extension-missing",
        what=N_("Firefox has the card library at hand, but no profile has the extension that loads it ({extension})."),
        why=N_("Web sites opened in Firefox cannot ask for the card. Other browsers and medical software are not concerned."),
        next=N_(
            "If Firefox is used with the card, install the components again while Firefox is closed, in the session of the person who "
            "uses it."
        ),
        exit_code=11,
    ),
    Reference(
        ref="configuration.native-host-missing",
        what=N_("Browsers are told to start a program for the card that is not there ({path})."),
        why=N_("The extension “Lecture Carte Vitale” then shows error FF00. The card itself and medical software are not concerned."),
        next=N_("If the Vitale is read in the browser, install the components again while the browsers are closed."),
        exit_code=11,
    ),
    Reference(
        ref="configuration.firefox-broken",
        what=N_("Firefox is told to load a card library that is not there ({path})."),
        why=N_("Web sites opened in Firefox cannot ask for the card."),
        next=N_("Install the components again while Firefox is closed."),
        exit_code=11,
    ),
    Reference(
        ref="configuration.extension-missing",
        what=N_("The card extension of CPS Gestion is not registered with macOS."),
        why=N_("Safari and the key chain do not see the card."),
        next=N_("Open CPS Gestion once, then insert the card again."),
        exit_code=11,
    ),
    Reference(
        ref="configuration.extension-off",
        what=N_("The card extension of CPS Gestion is switched off in macOS."),
        why=N_("Safari and the key chain do not see the card."),
        next=N_("Switch the extension on again in the system's settings, among the extensions."),
        exit_code=11,
    ),
    Reference(
        ref="configuration.calais-missing",
        what=N_("Windows does not know the CPS card."),
        why=N_("Windows programs and browsers do not offer its certificates."),
        next=N_("Install the components again as a unit (“atsam-safe install”)."),
        exit_code=11,
    ),
    Reference(
        ref="configuration.calais-broken",
        what=N_("Windows knows the CPS card but not what to read it with."),
        why=N_("Windows programs and browsers do not offer its certificates."),
        next=N_("Install the components again as a unit (“atsam-safe install”)."),
        exit_code=11,
    ),
    Reference(
        ref="configuration.ccm-not-started",
        what=N_("The certificate manager (CCM) does not start with the session."),
        why=N_("Certificates of a newly inserted card may be missing until it is started."),
        next=N_("Start the certificate manager from the Start menu; if it is missing, install the components again."),
        exit_code=11,
    ),
)
