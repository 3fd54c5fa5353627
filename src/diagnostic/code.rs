//! The one registry of diagnostic codes. A code is stable: never renamed, never reused.
//!
//! A new one is a line here and a file `explain/<word>.md`.

use super::Severity;

macro_rules! codes {
    ($([$area:literal] $($(#[doc = $doc:literal])* $variant:ident = $word:literal, $severity:ident;)*)*) => {
        /// What kind of problem it is. Written as a word: `unknown-key`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code { $($($(#[doc = $doc])* $variant,)*)* }

        impl Code {
            /// Every code there is.
            pub const ALL: &'static [Code] = &[$($(Code::$variant,)*)*];

            /// The stable word.
            pub fn word(self) -> &'static str {
                match self { $($(Code::$variant => $word,)*)* }
            }

            /// How bad it is unless said otherwise.
            pub fn severity(self) -> Severity {
                match self { $($(Code::$variant => Severity::$severity,)*)* }
            }

            /// One sentence on what it means.
            pub fn summary(self) -> &'static str {
                match self { $($(Code::$variant => concat!($($doc, " "),*).trim_ascii(),)*)* }
            }

            /// The heading that it stands under in a list.
            pub fn area(self) -> &'static str {
                match self { $($(Code::$variant => $area,)*)* }
            }

            /// The file `explain/<word>.md`, which every code must have.
            pub(super) fn explanation(self) -> &'static str {
                match self { $($(Code::$variant => include_str!(concat!("explain/", $word, ".md")),)*)* }
            }
        }
    };
}

codes! {
    ["How a file is written"]
    /// The file is not well-formed YAML.
    YamlSyntax = "yaml-syntax", Error;
    /// A line is indented with a tab.
    YamlTab = "yaml-tab", Error;
    /// A line is indented differently from its neighbours.
    YamlIndent = "yaml-indent", Error;
    /// A value with `{{ }}` stands without quotes.
    YamlUnquotedTemplate = "yaml-unquoted-template", Error;
    /// A value starts with a character that YAML keeps for itself, or holds a second `: `.
    YamlUnquotedValue = "yaml-unquoted-value", Error;
    /// A quote is opened and never closed.
    YamlUnclosedQuote = "yaml-unclosed-quote", Error;
    /// A bracket or brace is opened and never closed.
    YamlUnclosedBracket = "yaml-unclosed-bracket", Error;
    /// A colon stands without the space that makes it a key.
    YamlMissingSpace = "yaml-missing-space", Error;
    /// A key has no colon.
    YamlMissingColon = "yaml-missing-colon", Error;
    /// A backslash in double quotes starts an escape that YAML does not know.
    YamlBadEscape = "yaml-bad-escape", Error;
    /// A character that no YAML file may hold.
    YamlBadCharacter = "yaml-bad-character", Error;
    /// One mapping has the same key twice.
    YamlDuplicateKey = "yaml-duplicate-key", Error;
    /// YAML that Jackfield refuses: anchors, aliases, tags, merge keys, several documents.
    YamlUnsupported = "yaml-unsupported", Error;
    /// The file is larger, deeper or longer than a workspace's file may be.
    YamlTooLarge = "yaml-too-large", Error;
    /// ` #` inside an unquoted value starts a comment, and the rest of the value is lost.
    YamlHiddenComment = "yaml-hidden-comment", Warning;

    ["Files and their keys"]
    /// A file of the workspace can't be read.
    UnreadableFile = "unreadable-file", Error;
    /// A file that is named does not exist.
    MissingFile = "missing-file", Error;
    /// A key that nothing reads.
    UnknownKey = "unknown-key", Error;
    /// A key that must be there is not.
    MissingKey = "missing-key", Error;
    /// A value of another type than the key takes.
    WrongType = "wrong-type", Error;
    /// A word or value that is none of those allowed.
    InvalidValue = "invalid-value", Error;
    /// Keys that exclude each other, or one that needs another.
    ConflictingKeys = "conflicting-keys", Error;

    ["References and secrets"]
    /// A reference `${env:NAME}` whose variable is not set.
    MissingVariable = "missing-variable", Error;
    /// A reference `${…}` that is not of a known kind or stands where none may stand.
    InvalidReference = "invalid-reference", Error;
    /// A secret, or a placeholder for one, stands in a file.
    SecretAsText = "secret-as-text", Warning;

    ["Paths, templates and names"]
    /// A JSONPath that can't be read.
    InvalidPath = "invalid-path", Error;
    /// A template that can't be read.
    InvalidTemplate = "invalid-template", Error;
    /// A template uses a name that nothing gives.
    UnknownName = "unknown-name", Error;
    /// A template uses a filter, function or test that does not exist.
    UnknownFilter = "unknown-filter", Error;
    /// A template does something with a value that its type does not allow.
    WrongValue = "wrong-value", Error;
    /// An expression that never has a value.
    AlwaysAbsent = "always-absent", Error;
    /// A condition that no event can fulfil.
    NeverMatches = "never-matches", Error;
    /// Text that another tool would take for a template, and that is sent as it is written.
    LooksLikeTemplate = "looks-like-template", Warning;
    /// A name is extracted and never used.
    UnusedName = "unused-name", Warning;
    /// A draft's assumption that nobody has looked at yet.
    UnconfirmedGuess = "unconfirmed-guess", Error;
    /// A name that may be absent stands where a value must be.
    OptionalName = "optional-name", Error;

    ["Connections, packs and sources"]
    /// A route names a connection that `jackfield.yaml` does not have.
    UnknownConnection = "unknown-connection", Error;
    /// A name of a provider or sender for which there is no pack.
    UnknownPack = "unknown-pack", Error;
    /// An operation that the provider's pack does not have.
    UnknownOperation = "unknown-operation", Error;
    /// A webhook that the sender's pack does not have.
    UnknownWebhook = "unknown-webhook", Error;
    /// A source that neither the route nor `jackfield.yaml` declares.
    UnknownSource = "unknown-source", Error;
    /// A parameter of the operation's address or query that nothing gives, or one that it does not have.
    InvalidParameter = "invalid-parameter", Error;
    /// A setting that the connection must have and has not.
    MissingSetting = "missing-setting", Error;
    /// A connection's address is not of the public internet.
    PrivateAddress = "private-address", Warning;
    /// A source of `jackfield.yaml` that no route names.
    UnusedSource = "unused-source", Warning;
    /// The page in the browser is open to whoever reaches its address.
    UnguardedPage = "unguarded-page", Error;
    /// Two sources listen on the same path and method.
    DuplicateSource = "duplicate-source", Error;
    /// A path that can't be served.
    InvalidAddress = "invalid-address", Error;
    /// A source does not say how its requests are verified.
    MissingVerify = "missing-verify", Error;
    /// Anyone can send to this source.
    UnverifiedSource = "unverified-source", Warning;
    /// What a route sends would come back to it as a new event.
    MayLoop = "may-loop", Warning;

    ["Bodies and schemas"]
    /// The body breaks the operation's schema.
    InvalidBody = "invalid-body", Error;
    /// A pack's JSON Schema can't be compiled.
    InvalidSchema = "invalid-schema", Error;
    /// A pack's example or sample does not pass its own schema.
    InvalidExample = "invalid-example", Error;

    ["What an event brings"]
    /// A request can't be decoded as the source's format.
    UndecodableBody = "undecodable-body", Error;
    /// A request is not from whom it should be.
    VerificationFailed = "verification-failed", Error;
    /// A required name found nothing in the payload.
    ValueNotFound = "value-not-found", Error;
    /// A captured request carries a proof, and would be refused all the same.
    SampleNotVerified = "sample-not-verified", Warning;
    /// A path that finds nothing in any sample, and one with a similar name would.
    NotInSamples = "not-in-samples", Warning;
    /// Events that differ count as one, and only the first of them sends.
    SameIdentity = "same-identity", Warning;
    /// The same request would be made twice for one event.
    SentTwice = "sent-twice", Warning;
    /// A path found more than one value where one is wanted.
    ManyValues = "many-values", Error;
    /// A value was found and can't be made into what is wanted.
    UnfitValue = "unfit-value", Error;
    /// A template failed on this event.
    TemplateFailed = "template-failed", Error;
    /// A `tests:` entry whose result is not what it expects.
    TestFailed = "test-failed", Error;
}

impl std::fmt::Display for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.word())
    }
}
