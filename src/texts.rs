//! Every word an operator reads, in English and Korean, in one catalogue.
//!
//! A text is a [`Key`] with both languages beside each other, so that neither can be forgotten; `{name}` in it is
//! filled from the values of a [`Phrase`]. Names of the wire (causes, kinds, fields, settings) are the same in both.

use std::fmt::Display;

use clap::ValueEnum;

/// The language of what operators read. Never of what is written to outputs.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, ValueEnum)]
pub enum Lang {
    /// English.
    #[default]
    En,
    /// 한국어.
    Ko,
}

impl Lang {
    /// The language of the environment, read as POSIX does: `LC_ALL`, else `LC_MESSAGES`, else `LANG`.
    pub fn from_env(var: impl Fn(&str) -> Option<String>) -> Self {
        let locale =
            ["LC_ALL", "LC_MESSAGES", "LANG"].into_iter().filter_map(var).find(|value| !value.is_empty());
        match locale {
            Some(locale) if locale == "ko" || locale.starts_with("ko_") || locale.starts_with("ko.") => {
                Lang::Ko
            }
            _ => Lang::En,
        }
    }
}

macro_rules! texts {
    ($($key:ident: $en:literal, $ko:literal;)+) => {
        /// What can be said.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub enum Key {
            // As code: a bracket in what operators read is no link.
            $(#[doc = concat!("`` ", $en, " ``")] $key,)+
        }

        impl Key {
            /// All of them.
            pub const ALL: &[Key] = &[$(Key::$key),+];

            /// The text as it stands in the catalogue, its `{name}`s unfilled.
            pub const fn say(self, lang: Lang) -> &'static str {
                match (self, lang) {
                    $((Key::$key, Lang::En) => $en, (Key::$key, Lang::Ko) => $ko,)+
                }
            }
        }
    };
}

texts! {
    // Errors: their frame.
    Error: "error", "오류";
    Where: "where", "위치";
    Help: "help", "해결";
    Bug: "gyre contradicts itself: {text}", "gyre 내부 모순: {text}";
    BugHelp: "this is a fault in gyre, not in your input; please report it with the command you ran",
        "입력이 아니라 gyre의 결함입니다. 실행한 명령과 함께 알려 주십시오";

    // Input.
    PlanImpossible: "no such streams can be made", "그런 스트림은 만들 수 없습니다";
    InputFolderMissing: "there is no folder {path}", "{path} 폴더가 없습니다";
    InputNotFolder: "{path} is not a folder", "{path}은(는) 폴더가 아닙니다";
    InputFolderHelp: "name the folder that holds wagers.jsonl, outcomes.jsonl or payments.jsonl",
        "wagers.jsonl, outcomes.jsonl 또는 payments.jsonl이 있는 폴더를 지정하십시오";
    InputNothing: "nothing to read in {path}", "{path}에 읽을 파일이 없습니다";
    InputNothingHelp: "at least one of wagers, outcomes and payments must be there, as .jsonl, .jsonl.gz or .jsonl.zst",
        "wagers, outcomes, payments 중 하나 이상이 .jsonl, .jsonl.gz 또는 .jsonl.zst 형식으로 있어야 합니다";
    InputNothingNear: "{found} looks like {meant}: rename it", "{found}은(는) {meant}인 듯합니다. 이름을 바꾸십시오";
    InputTwice: "{topic} is there more than once: {files}", "{topic} 파일이 둘 이상입니다: {files}";
    InputTwiceHelp: "keep one of them; gyre does not guess which is meant",
        "하나만 남기십시오. 어느 것이 맞는지 gyre는 추측하지 않습니다";
    InputNotFile: "{path} is a folder, not a file", "{path}은(는) 파일이 아니라 폴더입니다";
    InputUnreadable: "cannot read {path}", "{path}을(를) 읽을 수 없습니다";
    InputUnreadableHelp: "check that the file is there, that you may read it, and that its disk is sound",
        "파일의 존재, 읽기 권한, 디스크 상태를 확인하십시오";
    InputTruncated: "{path} ends in the middle: its compressed data is cut off",
        "{path}이(가) 중간에 끊겼습니다: 압축 데이터가 불완전합니다";
    InputTruncatedHelp: "copy the file again; `gzip -t` or `zstd -t` tells whether it is whole",
        "파일을 다시 복사하십시오. `gzip -t` 또는 `zstd -t`로 온전한지 확인할 수 있습니다";
    InputCorrupt: "{path} is not sound compressed data", "{path}의 압축 데이터가 손상되었습니다";
    InputCorruptHelp: "copy the file again, and check that its ending (.gz, .zst) is what it really is",
        "파일을 다시 복사하고 확장자(.gz, .zst)가 실제 형식과 같은지 확인하십시오";

    // Output.
    OutputUnwritable: "cannot write {path}", "{path}에 쓸 수 없습니다";
    OutputUnwritableHelp: "choose a folder you may write to with --output", "--output으로 쓸 수 있는 폴더를 지정하십시오";
    OutputNotFolder: "{path} is not a folder", "{path}은(는) 폴더가 아닙니다";
    OutputInTheWay: "{path} is a folder and in the way of an output", "{path} 폴더가 출력 파일의 자리를 막고 있습니다";
    OutputInTheWayHelp: "move it away or choose another folder with --output",
        "옮기거나 --output으로 다른 폴더를 지정하십시오";
    OutputBusy: "another gyre is writing to {path}", "다른 gyre가 {path}에 쓰고 있습니다";
    OutputBusyHelp: "wait for it, or choose another folder with --output",
        "끝나기를 기다리거나 --output으로 다른 폴더를 지정하십시오";
    DiskFull: "the disk is full: {needed} more were needed and {free} are free",
        "디스크가 가득 찼습니다: {needed}가 더 필요하나 {free}만 남았습니다";
    DiskFullHelp: "free some space or choose another folder with --output; nothing was left behind",
        "공간을 확보하거나 --output으로 다른 폴더를 지정하십시오. 남은 임시 파일은 없습니다";
    Interrupted: "interrupted: {path} is as it was before", "중단됨: {path}은(는) 이전 상태 그대로입니다";
    InterruptFailed: "cannot listen for Ctrl-C", "Ctrl-C 신호를 받을 수 없습니다";

    // Config.
    ConfigMissing: "there is no config file {path}", "설정 파일 {path}이(가) 없습니다";
    ConfigMissingHelp: "check the path, or start from deploy/gyre.example.toml",
        "경로를 확인하거나 deploy/gyre.example.toml에서 시작하십시오";
    ConfigNotText: "{path} is not UTF-8 text from byte {byte} on", "{path}은(는) {byte}번째 바이트부터 UTF-8이 아닙니다";
    ConfigNotTextHelp: "save the file as UTF-8", "파일을 UTF-8로 저장하십시오";
    ConfigFaults: "the config has faults", "설정에 오류가 있습니다";
    ConfigCount: "faults in {path}: {count}", "{path}의 오류: {count}개";
    ConfigSyntax: "not TOML: {text}", "TOML 문법 오류: {text}";
    ConfigSyntaxHelp: "write `name = value` under a `[section]`; text goes in \"quotes\"",
        "`[구역]` 아래에 `이름 = 값`으로 쓰십시오. 문자열은 \"따옴표\"로 감쌉니다";
    UnknownSetting: "there is no setting `{name}` in [{section}]", "[{section}]에 `{name}` 설정이 없습니다";
    UnknownSection: "there is no section or setting `{name}`", "`{name}`(이)라는 구역이나 설정이 없습니다";
    DidYouMean: "did you mean `{name}`?", "혹시 `{name}`입니까?";
    BelongsIn: "`{name}` belongs under [{section}]", "`{name}`은(는) [{section}] 아래에 써야 합니다";
    KnownHere: "known here: {names}", "여기서 쓸 수 있는 이름: {names}";
    NotSection: "`{name}` is a section, not {found}", "`{name}`은(는) 구역이며 {found}이(가) 아닙니다";
    NotSectionHelp: "write [{name}] on a line of its own, its settings below it",
        "[{name}]을(를) 한 줄에 쓰고 그 아래에 설정을 쓰십시오";
    NotWhole: "`{name}` is a whole number, not {found}", "`{name}`은(는) 정수이며 {found}이(가) 아닙니다";
    NotDecimal: "`{name}` is a decimal number in quotes, not {found}",
        "`{name}`은(는) 따옴표로 감싼 소수이며 {found}이(가) 아닙니다";
    NotDecimalText: "`{name}` is a decimal number with at most {digits} digits behind the point, not \"{found}\"",
        "`{name}`은(는) 소수점 아래 {digits}자리까지의 소수이며 \"{found}\"이(가) 아닙니다";
    NotFlag: "`{name}` is true or false, not {found}", "`{name}`은(는) true 또는 false이며 {found}이(가) 아닙니다";
    NotText: "`{name}` is text in quotes, not {found}", "`{name}`은(는) 따옴표로 감싼 문자열이며 {found}이(가) 아닙니다";
    NotList: "`{name}` is a list of times in brackets, not {found}", "`{name}`은(는) 대괄호로 감싼 시간 목록이며 {found}이(가) 아닙니다";
    TooMany: "`{name}` takes at most {max} times", "`{name}`에는 최대 {max}개까지 쓸 수 있습니다";
    OutOfRange: "`{name}` must be from {min} to {max}; it is {found}",
        "`{name}`은(는) {min}에서 {max} 사이여야 하나 {found}입니다";
    NotMultiple: "`{name}` must be a multiple of {step}; it is {found}",
        "`{name}`은(는) {step}의 배수여야 하나 {found}입니다";
    OpenHorizonShort: "`horizon_open_ms` ({open}) is below `horizon_ms` ({horizon})",
        "`horizon_open_ms`({open})가 `horizon_ms`({horizon})보다 작습니다";
    OpenHorizonShortHelp: "an open wager is kept at least as long as a settled one: write {horizon} or more",
        "미결 베팅은 정산된 베팅만큼은 보관합니다. {horizon} 이상을 쓰십시오";
    UnknownZone: "there is no time zone \"{found}\"", "\"{found}\"(이)라는 시간대가 없습니다";
    UnknownZoneHelp: "write an IANA name such as \"UTC\", \"Asia/Seoul\" or \"Europe/Malta\"",
        "\"UTC\", \"Asia/Seoul\", \"Europe/Malta\" 같은 IANA 이름을 쓰십시오";
    BadCurrencyCode: "`{found}` is not a currency code", "`{found}`은(는) 통화 코드가 아닙니다";
    BadCurrencyCodeHelp: "a code is 1 to 7 visible ASCII characters, best capital letters",
        "통화 코드는 공백 없는 ASCII 1~7자이며 대문자를 권합니다";
    CurrencyKnown: "`{name}` has {known} digits, which cannot become {found}",
        "`{name}`의 소수 자릿수는 {known}이며 {found}(으)로 바꿀 수 없습니다";
    CurrencyKnownHelp: "take the line out, or give the currency a code of its own",
        "그 줄을 지우거나 다른 통화 코드를 쓰십시오";
    WriteInstead: "write {text}", "{text}(으)로 쓰십시오";
    WriteDefault: "write a value in that range; the default is {text}", "그 범위의 값을 쓰십시오. 기본값은 {text}입니다";
    ConfigSound: "{path} is sound", "{path}에 문제가 없습니다";
    ConfigDefaults: "no config file: the defaults", "설정 파일 없음: 기본값";
    ColumnSetting: "setting", "설정";
    ColumnValue: "value", "값";
    ColumnAbout: "meaning", "뜻";
    Changed: "was {text}", "기본값 {text}";
    WhatIfBeyond: "{path} sets more than what is an anomaly", "{path}에 이상 징후 판정 외의 설정이 있습니다";
    WhatIfBeyondHelp: "leave only [rtp] and [anomalies.*] in it: time, currencies and outputs are those of the run",
        "[rtp]와 [anomalies.*]만 남기십시오. 시간, 통화, 출력은 실행의 설정을 따릅니다";
    AboutTick: "ticks are multiples of this", "틱의 간격";
    AboutHorizon: "later than this after its time, a record is past_horizon", "이보다 늦게 온 레코드는 past_horizon";
    AboutHorizonOpen: "how long an open wager is kept", "미결 베팅의 보관 기간";
    AboutSkew: "how far one clock may be ahead of another", "시계 차이의 허용 한도";
    AboutGap: "a jump of receipts beyond this is clock_skew", "수신 시각이 이보다 크게 뛰면 clock_skew";
    AboutResultDue: "when a result is due, unless its game says", "결과 기한 (게임별 값이 없을 때)";
    AboutZone: "whose midnights cut the days of the RTP", "환수율 일자를 나누는 시간대";
    AboutRecollect: "failed records enter again until mended or quarantined", "실패한 레코드를 복구 또는 격리될 때까지 재수집";
    AboutDelays: "how long after its last verdict each lap of a failed record is due", "직전 판정 뒤 다음 재수집까지의 시간";
    AboutBand: "an RTP is in its band while |z| is not above this", "환수율 정상 범위의 |z| 상한";
    AboutVelocityWindow: "the sliding window in which wagers are counted", "베팅 횟수를 세는 시간 창";
    AboutVelocityMax: "more wagers in it are an anomaly", "창 안의 베팅이 이보다 많으면 이상";
    AboutSpikeScore: "a stake with a score above this is an anomaly", "베팅액 점수가 이보다 크면 이상";
    AboutSpikeMin: "earlier wagers needed before a stake is judged", "판정에 필요한 이전 베팅 수";
    AboutWinsChance: "wins less likely than this among all players are an anomaly", "모든 플레이어 중 이보다 드문 당첨이면 이상";
    AboutTurnoverRatio: "staked less of the deposits than this, a withdrawal is an anomaly", "출금 전 베팅액이 입금액의 이 비율보다 작으면 이상";
    AboutTurnoverDeposits: "deposits (major units) from which on withdrawals are judged", "출금을 판정하기 시작하는 입금액 (주 단위)";
    AboutStructuring: "a day's smaller payments above this (major units) are an anomaly", "이보다 작은 하루 입출금의 합이 이를 넘으면 이상 (주 단위)";
    AboutDriftSlack: "how much of an hour's z does not count as drift", "편향으로 치지 않는 시간별 z의 크기";
    AboutDriftLimit: "a game drifts where the rest adds up to more", "나머지의 누적합이 이보다 크면 편향";
    AboutDeviceMin: "so many accounts on one device are linked", "같은 기기를 쓴 계정이 이만큼이면 연결";
    AboutInstrumentMin: "so many accounts on one payment instrument are linked", "같은 결제 수단을 쓴 계정이 이만큼이면 연결";
    AboutExposure: "less lost or gained of the stakes: bets cover each other", "순노출이 베팅액의 이 비율보다 작으면 양방 베팅";
    AboutCoveredStake: "least stakes of such a round, in whole units", "양방 베팅 회차의 최소 베팅액 (화폐 단위)";
    AboutCoveredRounds: "so many such rounds are an anomaly", "이런 회차가 이만큼이면 이상";
    AboutCurrency: "digits of its minor unit", "소수 자릿수";
    AboutPostings: "write postings.jsonl too", "postings.jsonl도 기록";

    // Progress.
    ProgressRecords: "records", "건";
    ProgressLeft: "{text} left", "{text} 남음";
    ProgressRead: "{count} records, {rate}/s, {percent} % read", "{count}건, 초당 {rate}건, {percent} % 읽음";
    ProgressFinishing: "all read, closing the books", "입력 완료, 장부 마감 중";

    // Summary.
    SectionInput: "What came in", "입력";
    SectionBooks: "What the books say", "장부";
    SectionRejects: "Set aside, and why", "거부와 사유";
    SectionAnomalies: "Anomalies", "이상 징후";
    SectionWhatIf: "Under the other rules", "다른 규칙이라면";
    RowWhatIf: "{flagged} more, {withdrawn} fewer, {changed} other", "추가 {flagged}, 해제 {withdrawn}, 변경 {changed}";
    SectionAgain: "Entered again", "재수집";
    RowRecoveredAtOnce: "mended before they were asked for", "요청 전에 복구";
    RowRecovered: "mended after attempt {attempt}", "{attempt}차 요청 뒤 복구";
    RowQuarantined: "in quarantine", "격리";
    RowRequested: "requests to the provider", "공급사 재수집 요청";
    RowRecollected: "records sent again by the provider", "공급사가 다시 보낸 레코드";
    SectionRun: "The run", "실행";
    RowDuplicates: "equal copies, counted once", "중복 (한 번만 계상)";
    RowBlankLines: "blank lines", "빈 줄";
    RowUnknownField: "unknown field {name}, ignored", "모르는 필드 {name} (무시)";
    RowUnknownMore: "{count} more unknown fields, see summary.json", "모르는 필드 {count}개 더 있음, summary.json 참조";
    RowSettled: "wagers settled", "정산된 베팅";
    RowOpen: "wagers open", "미결 베팅";
    RowCancelled: "wagers cancelled", "취소된 베팅";
    RowTombstones: "cancels waiting for their wager", "베팅을 기다리는 취소";
    RowDecisions: "commands that apply", "적용된 명령";
    RowImbalance: "debits less credits, {currency}", "차대 차액, {currency}";
    Balanced: "balanced", "일치";
    NotBalanced: "NOT BALANCED", "불일치";
    RowNone: "none", "없음";
    RowTicks: "time covered (UTC)", "대상 기간 (UTC)";
    RowWall: "took", "소요 시간";
    RowRate: "records per second", "초당 레코드";
    RowPeak: "peak memory", "최대 메모리";
    WrittenTo: "written to {path}", "출력 위치: {path}";

    // Causes of rejects, by what a person does with them.
    CauseMalformed: "not JSON of the right shape", "올바른 형식의 JSON이 아님";
    CauseUnknownKind: "a kind or status that is not known", "모르는 kind 또는 status";
    CauseUnsupportedField: "uses a field that is reserved", "예약된 필드를 사용함";
    CauseUnknownCurrency: "no such currency", "모르는 통화";
    CauseBadAmount: "money misspelt, or negative", "금액 표기 오류 또는 음수";
    CauseStakeNotPositive: "a stake of zero, not a free round", "무료 라운드가 아닌데 베팅액이 0";
    CauseClockSkew: "later than its own receipt, or a clock that jumps", "수신보다 늦은 시각 또는 시계 오류";
    CausePastHorizon: "came too late to be booked", "너무 늦게 도착함";
    CauseUnknownGame: "no games row in force", "유효한 게임 정보 없음";
    CauseUnknownAccount: "no accounts row in force", "유효한 계정 정보 없음";
    CauseOutcomeWithoutWager: "its wager never came", "베팅이 오지 않은 결과";
    CauseAccountMismatch: "names another account than its wager", "베팅과 계정이 다름";
    CauseGameMismatch: "names another game than its wager", "베팅과 게임이 다름";
    CauseStakeMismatch: "names another stake than its wager", "베팅과 베팅액이 다름";
    CauseCurrencyMismatch: "names another currency than its wager", "베팅과 통화가 다름";
    CauseOutcomeBeforeWager: "older than its wager", "베팅보다 이른 결과";
    CauseCancelAfterSettle: "the wager was settled already", "이미 정산된 베팅의 취소";
    CauseSettleAfterCancel: "the wager was cancelled already", "이미 취소된 베팅의 정산";
    CauseConflictingDuplicate: "the same id with different content", "같은 id의 다른 내용";
    CauseOutcomeMissing: "no outcome though one is due; stays booked", "기한이 지난 결과 없음 (장부에는 유지)";
    CauseUnknownTarget: "the command's target is not there", "명령의 대상이 없음";
    CauseTargetMismatch: "the amended record is not of its target's identity", "수정한 기록이 대상과 다른 건";

    // Kinds of anomalies.
    KindConflict: "one id, different contents", "같은 id의 상충하는 내용";
    KindVelocity: "very many wagers in a short time", "짧은 시간의 과다 베팅";
    KindStakeSpike: "a stake far above the player's usual", "평소보다 매우 큰 베팅액";
    KindOverdraft: "a player's balance was below zero", "잔액이 0 미만";
    KindRtpOutOfBand: "a game pays more or less than it should", "환수율이 정상 범위를 벗어남";
    KindPayoutAboveMaximum: "paid more than the game's maximum", "게임 최대 배당 초과 지급";
    KindBalanceMismatch: "the provider's balance is not ours", "공급자 잔액과 불일치";
    KindLateWager: "placed after the result was known", "결과가 알려진 뒤의 베팅";
    KindImprobableWins: "a player wins more than chance gives", "우연으로 보기 어려운 당첨";
    KindDepositThenWithdraw: "deposits withdrawn and hardly played", "거의 베팅하지 않은 입금의 출금";
    KindStructuring: "a large payment in parts", "고액 입출금의 분할";
    KindSlowDrift: "a game moves away from its RTP, hour by hour", "환수율이 시간에 따라 한쪽으로 치우침";
    KindLinkedAccounts: "accounts share a device or a payment instrument", "기기나 결제 수단을 함께 쓰는 계정";
    KindOppositeBetting: "bets of linked accounts, or of one, cover each other", "연결된 계정(또는 한 계정)의 양방 베팅";

    // The command line.
    AfterHelp: "Examples:
  gyre generate --wagers 100000 --output day      make a day's records to play with
  gyre replay day                                 do the books; they stand in day/out
  gyre replay day --output books --changes        … in books, with every change by tick
  gyre check gyre.toml                            all faults of a config, or the settings in force
  gyre completion bash > /etc/bash_completion.d/gyre

Exit codes:
  0  done
  1  the check found faults
  2  wrong flags, wrong config, or input that is not there
  3  the world did not play along: an unreadable file, a full disk; trying again may help
  130 interrupted; 101 a fault in gyre itself", "예:
  gyre generate --wagers 100000 --output day      시험용 하루치 레코드 만들기
  gyre replay day                                 장부 작성 (결과는 day/out)
  gyre replay day --output books --changes        books에 작성, 틱별 변경 내역 포함
  gyre check gyre.toml                            설정의 모든 오류 또는 적용되는 값 보기
  gyre completion bash > /etc/bash_completion.d/gyre

종료 코드:
  0  완료
  1  점검에서 오류 발견
  2  잘못된 옵션, 잘못된 설정, 없는 입력
  3  읽을 수 없는 파일, 가득 찬 디스크 등 외부 문제 (다시 시도하면 될 수 있음)
  130 중단됨; 101 gyre 자체의 결함";
    AfterReplay: "Input, in DIR, each plain, .gz or .zst, one JSON object a line:
  wagers.jsonl outcomes.jsonl payments.jsonl      at least one of them
  games.jsonl accounts.jsonl rules.jsonl          reference rows, read first, if they are there

Output, all at once at the very end, or not at all (an earlier run's files are replaced):
  balances.jsonl       what every account holds, by currency and wallet
  rtp.jsonl            what every game paid back, in all, by hour and by gaming day
  wager_states.jsonl   what became of every wager
  rejects.jsonl        what was set aside, why, and where it stood in the input
  anomalies.jsonl      what a person should look at, with the figures that explain it
  postings.jsonl       every leg of every entry, with --postings
  *.changes.jsonl      {\"tick\":…,\"diff\":±1,\"row\":{…}} for each of them, with --changes
  what_if.json         which anomalies would differ under other rules, with --what-if
  summary.json         the figures of the table shown at the end
Rows are sorted by key as UTF-8 bytes. The same set of records gives the same bytes, whatever their order or --workers.",
        "입력 (DIR 안에 각각 일반 파일, .gz 또는 .zst; 한 줄에 JSON 객체 하나):
  wagers.jsonl outcomes.jsonl payments.jsonl      이 중 하나 이상
  games.jsonl accounts.jsonl rules.jsonl          있으면 먼저 읽는 기준 정보

출력 (마지막에 한꺼번에 기록되거나 전혀 기록되지 않음; 이전 실행의 파일은 교체):
  balances.jsonl       계정·통화·지갑별 잔액
  rtp.jsonl            게임별 환수율 (전체, 시간별, 영업일별)
  wager_states.jsonl   베팅별 결과
  rejects.jsonl        거부된 레코드와 사유, 입력에서의 위치
  anomalies.jsonl      사람이 살펴볼 이상 징후와 그 근거 수치
  postings.jsonl       모든 분개 (--postings)
  *.changes.jsonl      각 출력의 {\"tick\":…,\"diff\":±1,\"row\":{…}} 변경 내역 (--changes)
  what_if.json         다른 규칙이라면 달라질 이상 징후 (--what-if)
  summary.json         마지막에 보이는 표의 수치
행은 키의 UTF-8 바이트 순으로 정렬됩니다. 같은 레코드 집합이면 순서나 --workers와 상관없이 결과가 같습니다.";
    AfterGenerate: "Writes wagers.jsonl, outcomes.jsonl, payments.jsonl, games.jsonl and accounts.jsonl. The same flags and seed give
the same bytes. With --faults 0.01 one wager in a hundred goes wrong: duplicates, conflicts, late and lost
outcomes, misspelt money and the like.", "wagers.jsonl, outcomes.jsonl, payments.jsonl, games.jsonl, accounts.jsonl을 만듭니다. 같은 옵션과 시드는 같은
바이트를 냅니다. --faults 0.01이면 베팅 백 건에 한 건꼴로 중복, 상충, 지연·누락 결과, 금액 표기 오류 등이 생깁니다.";
    AfterCheck: "Shows every fault at once, with line, column and what to write instead, and exits 1; or the settings in force,
and exits 0. Without CONFIG it shows the defaults. deploy/gyre.example.toml explains every setting.",
        "모든 오류를 줄, 열, 고칠 내용과 함께 한 번에 보이고 1로 끝나거나, 적용되는 설정을 보이고 0으로 끝납니다.
CONFIG가 없으면 기본값을 보입니다. 모든 설정의 설명은 deploy/gyre.example.toml에 있습니다.";
}

/// Korean for the help of commands and flags, which speak English in their own documentation: (command, flag or
/// nothing for the command itself, text).
pub const HELP_KO: &[(&str, &str, &str)] = &[
    ("", "", "온라인 베팅의 증분 정산·무결성 엔진"),
    ("", "lang", "메시지 언어 [기본값: LC_ALL, LC_MESSAGES 또는 LANG]"),
    ("replay", "", "한 폴더의 레코드로 장부를 작성"),
    ("replay", "input", "wagers.jsonl, outcomes.jsonl, payments.jsonl 등이 있는 폴더"),
    ("replay", "output", "장부를 둘 폴더 [기본값: DIR/out]"),
    ("replay", "workers", "작업 스레드 수, 1~256 [기본값: 코어 수]; 장부에는 영향이 없음"),
    ("replay", "changes", "출력마다 틱별 변경 내역도 기록"),
    ("replay", "config", "설정 파일 (TOML); 없으면 DIR/gyre.toml, 그것도 없으면 기본값"),
    ("replay", "tick_ms", "틱 간격(밀리초), 설정의 time.tick_ms보다 우선"),
    ("replay", "postings", "postings.jsonl도 기록, 설정의 outputs.postings와 같음"),
    ("replay", "what_if", "FILE의 rtp, anomalies.* 설정이라면 달라질 이상 징후를 what_if.json에 기록"),
    ("generate", "", "시험용 레코드를 만들기 (시드에 따라 항상 같음)"),
    (
        "generate",
        "preset",
        "바탕이 되는 계획: hour(활발한 한 시간), evening(작은 운영사의 저녁), core(성능 측정용)",
    ),
    ("generate", "wagers", "베팅 수"),
    ("generate", "accounts", "베팅하는 계정 수"),
    ("generate", "games", "게임 수"),
    ("generate", "hours", "게임이 이어지는 시간, 0.001~8784"),
    ("generate", "seed", "같은 시드는 같은 바이트를 냄"),
    ("generate", "faults", "잘못되는 베팅의 비율, 0~1"),
    ("generate", "late", "너무 늦게 오는 결과의 비율, 0~1"),
    ("generate", "output", "레코드를 둘 폴더"),
    ("check", "", "설정 파일을 점검: 모든 오류를 한 번에"),
    ("check", "config", "설정 파일 (TOML); 없으면 기본값을 보임"),
    ("completion", "", "셸 자동 완성 스크립트를 출력"),
    ("completion", "shell", "대상 셸"),
];

/// A text with its values.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Phrase {
    key: Key,
    values: Vec<(&'static str, String)>,
}

impl Phrase {
    /// A text without values yet.
    pub fn new(key: Key) -> Self {
        Self { key, values: Vec::new() }
    }

    /// Fills `{name}`.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Display) -> Self {
        self.values.push((name, value.to_string()));
        self
    }

    /// Which text this is.
    pub fn key(&self) -> Key {
        self.key
    }

    /// The text in `lang`. Values go in as they are: a `{` in one of them is no place to fill.
    pub fn say(&self, lang: Lang) -> String {
        let mut text = String::new();
        let mut rest = self.key.say(lang);
        while let Some((before, after)) = rest.split_once('{') {
            let value = after.split_once('}').and_then(|(name, after)| {
                let (_, value) = self.values.iter().find(|(known, _)| *known == name)?;
                Some((value, after))
            });
            text.push_str(before);
            match value {
                Some((value, after)) => {
                    text.push_str(value);
                    rest = after;
                }
                None => {
                    text.push('{');
                    rest = after;
                }
            }
        }
        text + rest
    }
}

impl From<Key> for Phrase {
    fn from(key: Key) -> Self {
        Self::new(key)
    }
}

/// What a cause of rejects means, by its name on the wire.
pub fn cause(name: &str) -> Option<Key> {
    Some(match name {
        "malformed" => Key::CauseMalformed,
        "unknown_kind" => Key::CauseUnknownKind,
        "unsupported_field" => Key::CauseUnsupportedField,
        "unknown_currency" => Key::CauseUnknownCurrency,
        "bad_amount" => Key::CauseBadAmount,
        "stake_not_positive" => Key::CauseStakeNotPositive,
        "clock_skew" => Key::CauseClockSkew,
        "past_horizon" => Key::CausePastHorizon,
        "unknown_game" => Key::CauseUnknownGame,
        "unknown_account" => Key::CauseUnknownAccount,
        "outcome_without_wager" => Key::CauseOutcomeWithoutWager,
        "account_mismatch" => Key::CauseAccountMismatch,
        "game_mismatch" => Key::CauseGameMismatch,
        "stake_mismatch" => Key::CauseStakeMismatch,
        "currency_mismatch" => Key::CauseCurrencyMismatch,
        "outcome_before_wager" => Key::CauseOutcomeBeforeWager,
        "cancel_after_settle" => Key::CauseCancelAfterSettle,
        "settle_after_cancel" => Key::CauseSettleAfterCancel,
        "conflicting_duplicate" => Key::CauseConflictingDuplicate,
        "outcome_missing" => Key::CauseOutcomeMissing,
        "unknown_target" => Key::CauseUnknownTarget,
        "target_mismatch" => Key::CauseTargetMismatch,
        _ => return None,
    })
}

/// What a kind of anomaly means, by its name on the wire.
pub fn kind(name: &str) -> Option<Key> {
    Some(match name {
        "conflict" => Key::KindConflict,
        "velocity" => Key::KindVelocity,
        "stake_spike" => Key::KindStakeSpike,
        "overdraft" => Key::KindOverdraft,
        "rtp_out_of_band" => Key::KindRtpOutOfBand,
        "payout_above_maximum" => Key::KindPayoutAboveMaximum,
        "balance_mismatch" => Key::KindBalanceMismatch,
        "late_wager" => Key::KindLateWager,
        "improbable_wins" => Key::KindImprobableWins,
        "deposit_then_withdraw" => Key::KindDepositThenWithdraw,
        "structuring" => Key::KindStructuring,
        "slow_drift" => Key::KindSlowDrift,
        "linked_accounts" => Key::KindLinkedAccounts,
        "opposite_betting" => Key::KindOppositeBetting,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(text: &str) -> Vec<&str> {
        let mut names: Vec<&str> =
            text.split('{').skip(1).filter_map(|rest| rest.split_once('}')).map(|(name, _)| name).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    fn korean(text: &str) -> bool {
        text.chars().any(|c| ('가'..='힣').contains(&c))
    }

    #[test]
    fn no_text_is_missing_in_either_language() {
        for &key in Key::ALL {
            let (en, ko) = (key.say(Lang::En), key.say(Lang::Ko));
            assert!(!en.is_empty() && !korean(en), "{key:?}: {en}");
            assert!(korean(ko), "{key:?}: {ko}");
            assert_eq!(places(en), places(ko), "{key:?}");
        }
    }

    #[test]
    fn values_are_filled_once_and_as_they_are() {
        let phrase = Phrase::new(Key::InputNothingNear).with("found", "{meant}").with("meant", "wagers");
        assert_eq!(phrase.say(Lang::En), "{meant} looks like wagers: rename it");
        assert_eq!(Phrase::new(Key::ConfigMissing).say(Lang::En), "there is no config file {path}");
    }

    #[test]
    fn the_language_is_the_environments() {
        let of = |vars: &'static [(&str, &str)]| {
            Lang::from_env(|name| {
                vars.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
            })
        };
        assert_eq!(of(&[]), Lang::En);
        assert_eq!(of(&[("LANG", "ko_KR.UTF-8")]), Lang::Ko);
        assert_eq!(of(&[("LANG", "ko_KR.UTF-8"), ("LC_ALL", "C")]), Lang::En);
        assert_eq!(of(&[("LANG", "C"), ("LC_ALL", ""), ("LC_MESSAGES", "ko")]), Lang::Ko);
        assert_eq!(of(&[("LANG", "kok_IN")]), Lang::En);
    }
}
