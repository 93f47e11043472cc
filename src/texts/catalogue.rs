//! The texts themselves, both languages beside each other.

use super::Lang;

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
    OutputInTheWayHelp: "move it away or choose another folder with --output", "옮기거나 --output으로 다른 폴더를 지정하십시오";
    OutputBusy: "another gyre is writing to {path}", "다른 gyre가 {path}에 쓰고 있습니다";
    OutputBusyHelp: "wait for it, or choose another folder with --output",
        "끝나기를 기다리거나 --output으로 다른 폴더를 지정하십시오";
    DiskFull: "the disk is full: {needed} more were needed and {free} are free",
        "디스크가 가득 찼습니다: {needed}가 더 필요하나 {free}만 남았습니다";
    DiskFullHelp: "free some space or choose another folder with --output; nothing was left behind",
        "공간을 확보하거나 --output으로 다른 폴더를 지정하십시오. 남은 임시 파일은 없습니다";
    Interrupted: "interrupted: {path} is as it was before", "중단됨: {path}은(는) 이전 상태 그대로입니다";
    InterruptFailed: "cannot listen for Ctrl-C", "Ctrl-C 신호를 받을 수 없습니다";

    // Ends in other systems.
    NotBuilt: "this gyre was built without {name}", "이 gyre는 {name} 없이 빌드되었습니다";
    NotBuiltHelp: "build it with `cargo build --release --features {feature}`",
        "`cargo build --release --features {feature}`로 빌드하십시오";
    SecretMissing: "{name} is not to be had", "{name}을(를) 얻을 수 없습니다";
    SecretMissingHelp: "set the environment variable, or check the file and that you may read it",
        "환경 변수를 설정하거나 파일의 존재와 읽기 권한을 확인하십시오";
    SinkOfAnotherJob: "{place} is written to by another job, {job}", "{place}에는 다른 작업 {job}이(가) 쓰고 있습니다";
    SinkOfAnotherJobHelp: "give this job a place of its own; if the other one is this one whose state was lost, empty the place first",
        "이 작업에 별도의 위치를 지정하십시오. 상태를 잃은 같은 작업이라면 먼저 그 위치를 비우십시오";
    SinkFenced: "start {generation} of the job has taken {place} over from this one, {own}",
        "작업의 {generation}번째 시작이 현재 시작({own})의 {place}을(를) 넘겨받았습니다";
    SinkFencedHelp: "let one of them run; it goes on where this one was", "하나만 실행하십시오. 새 실행이 이어서 처리합니다";
    SinkProgressBad: "this is no progress of a job: {text}", "작업의 진행 기록이 아닙니다: {text}";
    SinkProgressBadHelp: "somebody else has written there; gyre does not guess how far it was",
        "다른 누군가가 기록했습니다. gyre는 어디까지 처리했는지 추측하지 않습니다";

    PostgresUrlBad: "this is no URL of a PostgreSQL database", "PostgreSQL 데이터베이스의 URL이 아닙니다";
    PostgresUrlBadHelp: "write postgresql://user@127.0.0.1:5432/database", "postgresql://user@127.0.0.1:5432/database처럼 쓰십시오";
    PostgresPlain: "{place} is another machine, and what goes there could be read on the way",
        "{place}은(는) 다른 컴퓨터이며 전송 내용이 도중에 노출될 수 있습니다";
    PostgresPlainHelp: "gyre speaks to PostgreSQL in plain text: name 127.0.0.1 or a Unix socket, and let a TLS tunnel go on from there",
        "gyre는 PostgreSQL과 평문으로 통신합니다. 127.0.0.1이나 유닉스 소켓을 지정하고 그 뒤는 TLS 터널로 연결하십시오";
    PostgresTables: "the tables in {place} are not those that gyre writes: {text}", "{place}의 테이블이 gyre의 것과 다릅니다: {text}";
    PostgresTablesHelp: "apply deploy/postgres/gyre.sql, and let gyre's user read and write the schema gyre",
        "deploy/postgres/gyre.sql을 적용하고 gyre 사용자에게 gyre 스키마의 읽기·쓰기 권한을 주십시오";
    PostgresAway: "PostgreSQL {place} cannot be reached", "PostgreSQL {place}에 연결할 수 없습니다";
    PostgresAwayHelp: "nothing is lost; it goes on when the server is back", "잃은 것은 없으며 서버가 돌아오면 이어서 처리합니다";
    PostgresRefused: "PostgreSQL {place} refuses", "PostgreSQL {place}이(가) 거부했습니다";
    PostgresRefusedHelp: "check user, password, and what the user may do", "사용자, 비밀번호, 권한을 확인하십시오";

    KafkaAway: "Kafka {place} cannot be reached", "Kafka {place}에 연결할 수 없습니다";
    KafkaAwayHelp: "nothing is lost; it goes on when the brokers are back", "잃은 것은 없으며 브로커가 돌아오면 이어서 처리합니다";
    KafkaRefused: "Kafka {place} refuses", "Kafka {place}이(가) 거부했습니다";
    KafkaRefusedHelp: "check the settings under client, and what the user may do",
        "client 아래의 설정과 사용자의 권한을 확인하십시오";
    KafkaSettingBad: "librdkafka does not take the setting {name}", "librdkafka가 {name} 설정을 받지 않습니다";
    KafkaSettingBadHelp: "its settings are listed in CONFIGURATION.md of librdkafka", "librdkafka의 CONFIGURATION.md에서 설정을 확인하십시오";
    KafkaProgressSplit: "topic {topic} has several partitions", "{topic} 토픽의 파티션이 여럿입니다";
    KafkaProgressSplitHelp: "progress needs one, which says what is last: delete the topic, gyre makes it",
        "마지막 기록을 알 수 있도록 파티션은 하나여야 합니다. 토픽을 지우면 gyre가 만듭니다";
    KafkaNoTopics: "none of the topics is in {place}", "{place}에 해당 토픽이 하나도 없습니다";
    KafkaNoTopicsHelp: "make them, or name them under [source.kafka.topics]", "토픽을 만들거나 [source.kafka.topics]에 이름을 지정하십시오";
    KafkaCompacted: "topic {topic} is compacted: records are missing, and more will be", "{topic} 토픽은 압축(compact)되어 레코드가 사라집니다";
    KafkaCompactedHelp: "set its cleanup.policy to delete, and read from a topic that nothing is missing from",
        "cleanup.policy를 delete로 바꾸고 누락이 없는 토픽에서 읽으십시오";
    KafkaTooManyPartitions: "topic {topic} has more than {max} partitions", "{topic} 토픽의 파티션이 {max}개를 넘습니다";
    KafkaMadeAnew: "topic {topic} is not the one that was read before: it was deleted, or made anew",
        "{topic} 토픽이 이전에 읽던 토픽이 아닙니다. 삭제되었거나 다시 만들어졌습니다";
    KafkaMadeAnewHelp: "what was read of it stands in the books; start a new job for the new topic, or name it otherwise",
        "읽은 내용은 장부에 남아 있습니다. 새 토픽에는 새 작업을 시작하거나 다른 이름을 쓰십시오";
    KafkaOutOfRange: "{place} goes from {first} to {end} and not on from {next}", "{place}은(는) {first}~{end}이며 {next}부터 이어지지 않습니다";
    KafkaOutOfRangeHelp: "records were deleted before they were read, or are read anew and are not there any more: make retention longer than gyre may be down",
        "읽기 전에 레코드가 삭제되었거나 다시 읽을 레코드가 없습니다. 보존 기간을 gyre의 중단 시간보다 길게 하십시오";

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
    BadText: "`{name}` cannot be \"{found}\"", "`{name}`은(는) \"{found}\"일 수 없습니다";
    KafkaOwnSetting: "`{name}` is set by gyre itself", "`{name}`은(는) gyre가 직접 설정합니다";
    KafkaOwnSettingHelp: "take the line out: exactly-once rests on it", "그 줄을 지우십시오. 정확히 한 번 처리의 전제입니다";
    SecretPlain: "`{name}` is a secret and stands in the file", "`{name}`은(는) 비밀 값인데 파일에 적혀 있습니다";
    SecretPlainHelp: "write \"env:NAME\" for an environment variable or \"file:PATH\" for a file that holds it",
        "환경 변수는 \"env:이름\", 파일은 \"file:경로\"로 쓰십시오";
    PasswordApart: "take the password out of it: it goes into `password`, as \"env:NAME\" or \"file:PATH\"",
        "비밀번호를 빼서 `password`에 \"env:이름\"이나 \"file:경로\"로 쓰십시오";
    BadNameHelp: "a name is 1 to 64 letters, digits, `-`, `_` or `.`", "이름은 영문자, 숫자, `-`, `_`, `.`의 1~64자입니다";
    NotList: "`{name}` is a list of times in brackets, not {found}", "`{name}`은(는) 대괄호로 감싼 시간 목록이며 {found}이(가) 아닙니다";
    TooMany: "`{name}` takes at most {max} times", "`{name}`에는 최대 {max}개까지 쓸 수 있습니다";
    OutOfRange: "`{name}` must be from {min} to {max}; it is {found}", "`{name}`은(는) {min}에서 {max} 사이여야 하나 {found}입니다";
    NotMultiple: "`{name}` must be a multiple of {step}; it is {found}", "`{name}`은(는) {step}의 배수여야 하나 {found}입니다";
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
    CurrencyKnownHelp: "take the line out, or give the currency a code of its own", "그 줄을 지우거나 다른 통화 코드를 쓰십시오";
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
    AboutAction: "what an anomaly does: flag, or hold payouts while it stands", "이상 징후의 조치: 표시(flag) 또는 지급 보류(hold)";
    ActionHelp: "write \"flag\", or \"hold\" to hold payouts while the anomaly stands", "\"flag\" 또는, 이상 징후가 있는 동안 지급을 보류하려면 \"hold\"라고 쓰십시오";
    AboutCurrency: "digits of its minor unit", "소수 자릿수";
    AboutPostings: "write postings.jsonl too", "postings.jsonl도 기록";

    AboutJob: "under which name sinks keep the job's progress", "싱크가 진행 상황을 저장하는 작업 이름";
    AboutHeld: "bytes of rows that may wait for a sink before sources are held up", "소스를 멈추기 전까지 싱크를 기다릴 수 있는 행의 바이트";
    AboutSourceFolder: "folder of growing .jsonl files to read from", "늘어나는 .jsonl 파일을 읽을 폴더";
    AboutSinkFiles: "folder to write changes to", "변경 내역을 쓸 폴더";
    AboutKafkaSource: "brokers to read from", "읽어 올 브로커";
    AboutKafkaTopic: "the topic of these records", "해당 레코드의 토픽";
    AboutKafkaSink: "brokers to write changes to", "변경 내역을 쓸 브로커";
    AboutKafkaPrefix: "what the names of the topics written to begin with", "쓰는 토픽 이름의 앞부분";
    AboutPostgres: "database to keep the rows in", "행을 저장할 데이터베이스";
    AboutPostgresPassword: "its password, by reference", "비밀번호 (참조)";
    AboutClient: "handed to librdkafka", "librdkafka에 전달";
    AboutGather: "for how long changes are gathered into one commit", "변경 내역을 한 번의 커밋으로 모으는 시간";

    // A run: what it cannot begin or go on with.
    NoSource: "the config names no source", "설정에 소스가 없습니다";
    NoSourceHelp: "name a folder of growing .jsonl files, `path` under [source.folder], or `brokers` under [source.kafka]",
        "[source.folder] 아래 `path`에 늘어나는 .jsonl 파일의 폴더를 쓰거나 [source.kafka] 아래 `brokers`를 쓰십시오";
    TwoSources: "the config names two sources", "설정에 소스가 둘입니다";
    TwoSourcesHelp: "leave `path` under [source.folder] or `brokers` under [source.kafka] empty",
        "[source.folder]의 `path`나 [source.kafka]의 `brokers` 중 하나를 비우십시오";
    NoSink: "the config names no sink", "설정에 싱크가 없습니다";
    NoSinkHelp: "name a folder for the changes, `path` under [sinks.files], or one of [sinks.kafka] and [sinks.postgres]",
        "[sinks.files] 아래 `path`에 변경 내역을 둘 폴더를 쓰거나 [sinks.kafka], [sinks.postgres]를 쓰십시오";
    LiveFolderHelp: "name the folder that wagers.jsonl, outcomes.jsonl and so on grow in: `path` under [source.folder]",
        "[source.folder] 아래 `path`에 wagers.jsonl, outcomes.jsonl 등이 늘어나는 폴더를 쓰십시오";
    LiveNoPartition: "the job has read {partition}, which the source does not have", "작업이 읽던 {partition}이(가) 소스에 없습니다";
    LiveNoPartitionHelp: "name the source that the job was begun with, or begin another job: new --state, empty sinks",
        "작업을 시작한 소스를 지정하거나, 새 --state와 빈 싱크로 다른 작업을 시작하십시오";
    LiveTruncated: "{path} is shorter than what was read of it", "{path}이(가) 이미 읽은 길이보다 짧아졌습니다";
    LiveReplaced: "{path} is not the file that was read, or is not as it was", "{path}이(가) 읽던 파일이 아니거나 내용이 바뀌었습니다";
    LiveChangedHelp: "files are only appended to: put back what stood there, to the byte, and start again; if it is lost, begin another job with a new --state and empty sinks",
        "파일에는 덧붙이기만 하십시오. 원래 내용을 그대로 되돌리고 다시 시작하십시오. 되돌릴 수 없으면 새 --state와 빈 싱크로 다른 작업을 시작하십시오";
    StateHelp: "name a folder with room that you may write to with --state", "--state로 여유 공간이 있고 쓸 수 있는 폴더를 지정하십시오";
    StateBusy: "another gyre run holds {path}: {holder}", "다른 gyre run이 {path}을(를) 사용 중입니다: {holder}";
    StateBusyHelp: "a job runs once at a time: stop that one, or name another folder with --state",
        "한 작업은 한 번에 하나만 실행됩니다. 그 실행을 멈추거나 --state로 다른 폴더를 지정하십시오";
    StateNoLocks: "{path} cannot be locked", "{path}을(를) 잠글 수 없습니다";
    StateNoLocksHelp: "put the state on a file system that knows locks: without one, two runs could make two histories of one job",
        "잠금을 지원하는 파일 시스템에 두십시오. 잠금이 없으면 두 실행이 한 작업의 이력을 둘로 만들 수 있습니다";
    StateForeign: "{path} is not what gyre wrote", "{path}은(는) gyre가 쓴 내용이 아닙니다";
    StateForeignHelp: "put back the state folder as it was, or begin another job: new --state, empty sinks",
        "상태 폴더를 원래대로 되돌리거나, 새 --state와 빈 싱크로 다른 작업을 시작하십시오";
    StateOtherRules: "the job of {path} was begun under other rules", "{path}의 작업은 다른 규칙으로 시작되었습니다";
    StateOtherRulesHelp: "its books would not be those that its sinks have: put the settings back, or begin another job: new --state, empty sinks",
        "싱크에 있는 장부와 달라집니다. 설정을 되돌리거나, 새 --state와 빈 싱크로 다른 작업을 시작하십시오";
    RemapForeign: "{path} is no remap log", "{path}은(는) 리맵 로그가 아닙니다";
    RemapForeignHelp: "put back the state folder as it was: without its remap log a job cannot say which records its ticks hold",
        "상태 폴더를 원래대로 되돌리십시오. 리맵 로그가 없으면 틱마다 어떤 레코드가 들었는지 알 수 없습니다";
    RemapVersion: "{path} is a remap log of version {version}, which this gyre does not know",
        "{path}은(는) 이 gyre가 모르는 버전 {version}의 리맵 로그입니다";
    RemapVersionHelp: "run the gyre that wrote it, or a later one", "그 파일을 쓴 gyre나 더 새로운 버전으로 실행하십시오";
    SinkAhead: "the sink {sink} has committed through tick {tick}, and the job's state ends at {last}",
        "싱크 {sink}은(는) 틱 {tick}까지 커밋했으나 작업 상태는 {last}에서 끝납니다";
    SinkAheadHelp: "the state is an older copy, or lost its end: put back the one that belongs to the sink",
        "상태가 이전 사본이거나 끝이 유실되었습니다. 싱크와 짝이 맞는 상태를 되돌리십시오";
    SinkOther: "the sink {sink} has committed other changes through tick {tick} than the same records come to now",
        "싱크 {sink}이(가) 틱 {tick}까지 커밋한 변경이 같은 레코드로 다시 계산한 결과와 다릅니다";
    SinkOtherHelp: "nothing was written; was it another version of gyre, or was the sink changed by hand? Keep both, and begin another job beside it to compare",
        "아무것도 쓰지 않았습니다. gyre 버전이 바뀌었거나 싱크를 손으로 고쳤는지 확인하고, 그대로 보존한 채 다른 작업을 옆에 시작해 비교하십시오";
    SinkForeign: "the sink {sink} holds a job {job} that is another, or was run later",
        "싱크 {sink}에 있는 작업 {job}은(는) 다른 작업이거나 더 나중에 실행되었습니다";
    SinkForeignHelp: "name the state folder that belongs to it with --state, or another place for this job's changes",
        "--state로 짝이 맞는 상태 폴더를 지정하거나, 이 작업의 변경 내역을 다른 곳에 두십시오";
    SinkFilesHelp: "name a folder that no other run writes to: `path` under [sinks.files]",
        "[sinks.files] 아래 `path`에 다른 실행이 쓰지 않는 폴더를 지정하십시오";
    SinkFilesGap: "changes are missing in {path} from tick {tick} on", "{path}에 틱 {tick}부터 변경 내역이 빠져 있습니다";
    SinkFilesGapHelp: "put the file back, or empty the folder: its changes are then made again from the beginning",
        "파일을 되돌리거나 폴더를 비우십시오. 비우면 변경 내역을 처음부터 다시 만듭니다";
    SinkFilesForeign: "{path} does not end as gyre ends it", "{path}의 끝이 gyre가 쓴 형식이 아닙니다";
    ClockJumped: "the wall clock jumped by {seconds} s", "벽시계가 {seconds}초 뛰었습니다";
    ClockJumpedHelp: "set the clock right, best by NTP, and start again: ticks go by it",
        "시계를 (가급적 NTP로) 맞춘 뒤 다시 시작하십시오. 틱은 이 시계를 따릅니다";

    // The listener.
    HttpAddrBad: "{addr} is no address to listen at", "{addr}은(는) 수신할 주소가 아닙니다";
    HttpAddrBadHelp: "write an IP address and a port, as 127.0.0.1:8080 or [::1]:8080; port 0 takes a free one",
        "127.0.0.1:8080이나 [::1]:8080처럼 IP 주소와 포트를 쓰십시오. 포트 0은 빈 포트를 씁니다";
    HttpAddrOpen: "{addr} could be reached from other machines, and there is neither TLS nor a token here yet",
        "{addr}은(는) 다른 컴퓨터에서 접근할 수 있는데, 아직 TLS도 토큰도 없습니다";
    HttpAddrOpenHelp: "name an address of this machine alone, as 127.0.0.1:8080, and let a TLS proxy go on from there",
        "127.0.0.1:8080처럼 이 컴퓨터에서만 닿는 주소를 지정하고, 그 앞에 TLS 프록시를 두십시오";
    HttpBusy: "cannot listen at {addr}", "{addr}에서 수신할 수 없습니다";
    HttpBusyHelp: "another program has the port: stop it, or name another with --http-addr (127.0.0.1:0 takes a free one)",
        "다른 프로그램이 포트를 쓰고 있습니다. 그 프로그램을 멈추거나 --http-addr로 다른 포트를 지정하십시오(127.0.0.1:0은 빈 포트)";
    HttpListens: "figures, health and status: http://{at}/", "지표, 상태 확인, 현황: http://{at}/";
    HttpIndex: "gyre\n/metrics    figures, for Prometheus\n/livez      it turns\n/startupz   the books are back\n/readyz     the books are fresh (each with ?verbose)\n/v1/status  how things stand, as JSON\n/v1/openapi.json  what can be asked",
        "gyre\n/metrics    Prometheus 지표\n/livez      동작 중\n/startupz   장부 복원 완료\n/readyz     장부가 최신 (각각 ?verbose 가능)\n/v1/status  현황 (JSON)\n/v1/openapi.json  API 설명";
    HealthAnswers: "answers", "응답함";
    HealthTurned: "turned {ms} ms ago", "{ms}ms 전에 동작";
    HealthHydrated: "the books are as they were before the start", "시작 전의 장부를 되살림";
    HealthHydrating: "the books of before the start are being made again", "시작 전의 장부를 다시 만드는 중";
    HealthAge: "the books are {seconds} s old", "장부가 {seconds}초 전 기준";
    HealthNoTick: "no tick has closed yet", "아직 닫힌 틱이 없음";
    HealthStays: "was not asked to end", "종료 요청 없음";
    HealthEnds: "was asked to end", "종료 요청을 받음";

    // The demo.
    DemoNotEmpty: "{path} is not empty", "{path} 폴더가 비어 있지 않습니다";
    DemoNotEmptyHelp: "name an empty folder, or none: each demo is a job of its own",
        "빈 폴더를 지정하거나 지정하지 마십시오. 데모는 매번 별개의 작업입니다";
    DemoBegins: "A house of {accounts} players begins to play: {rate} wagers a second, some of which go wrong, and now and then a game that pays too much.
  records       {path}/in/*.jsonl
  what follows  {path}/out/changes-*.jsonl
  the screen    gyre status --http-addr {addr}
  figures       http://{addr}/metrics
Ctrl-C ends it, or an hour; the folder stays. It forgets after 20 minutes, so that memory stays as it is.", "플레이어 {accounts}명의 게임장이 시작됩니다. 초당 베팅 {rate}건 중 일부는 잘못되고, 가끔 너무 많이 지급하는 게임이 나타납니다.
  레코드     {path}/in/*.jsonl
  결과       {path}/out/changes-*.jsonl
  현황       gyre status --http-addr {addr}
  지표       http://{addr}/metrics
Ctrl-C를 누르거나 한 시간이 지나면 끝나며 폴더는 남습니다. 메모리가 늘지 않도록 20분이 지난 것은 잊습니다.";
    DemoLine: "{rate} records/s, {age} s old, {balanced}; anomalies {anomalies} (games out of band {games}), set aside {rejects}, in quarantine {quarantine}, {memory}",
        "초당 {rate}건, {age}초 전 기준, 대차 {balanced}; 이상 징후 {anomalies} (환수율 이탈 게임 {games}), 거부 {rejects}, 격리 {quarantine}, {memory}";

    // The status.
    StatusAway: "nobody answers at {addr}", "{addr}에서 응답이 없습니다";
    StatusAwayHelp: "start `gyre run` or `gyre demo`, or name the address that it told with --http-addr",
        "`gyre run`이나 `gyre demo`를 시작하거나, 시작할 때 알린 주소를 --http-addr로 지정하십시오";
    StatusStranger: "what answers at {addr} is no gyre, or another version of it", "{addr}에서 응답하는 것은 gyre가 아니거나 다른 버전입니다";
    StatusRight: "Are the books right?", "장부가 맞는가?";
    StatusFresh: "How fresh are they?", "얼마나 최신인가?";
    LagUnread: "Not read yet", "아직 읽지 않음";
    LagRecords: "records", "건";
    StatusSinks: "Where they went", "내보낸 곳";
    SectionQuarantine: "In quarantine", "격리";
    StatusHydrating: "the books are being brought back", "장부를 되살리는 중";
    StatusReady: "fresh", "최신";
    StatusBehind: "OLD: see what holds it up", "뒤처짐: 무엇이 막는지 확인하십시오";
    StatusAge: "age of the books", "장부 경과 시간";
    StatusAsOf: "as of", "기준 시각";
    StatusJob: "job", "작업";
    StatusStart: "start {generation}", "{generation}번째 시작";
    StatusMemory: "memory", "메모리";
    StatusSinkBehind: "changes, {seconds} s behind", "건 변경, {seconds}초 뒤";
    StatusSinkTrouble: "changes, CANNOT GO ON: tried again ({errors} failures)", "건 변경, 진행 불가: 다시 시도 중 (실패 {errors}회)";

    // The stages.
    GraphTitle: "the stages in the second before {at}", "{at} 직전 1초 동안의 단계";
    GraphWorst: "worker {worker} most: {percent}", "가장 바쁜 워커 {worker}: {percent}";
    GraphBatches: "batches", "배치";
    TopStages: "Stages", "단계";
    TopStage: "stage", "단계";
    TopBusy: "busy", "사용";
    TopShare: "share", "비율";
    TopWorst: "worst worker", "가장 바쁜 워커";
    TopSink: "{rate}/s, {seconds} s behind", "초당 {rate}건, {seconds}초 뒤";
    TopAnomalies: "anomalies", "이상 징후";
    TopQuarantine: "quarantine", "격리";
    TopRejects: "set aside", "거부";
    TopKeys: "q: end   space: hold", "q: 끝내기   스페이스: 멈춤";
    TopPaused: "held: space goes on   q: end", "멈춤: 스페이스로 계속   q: 끝내기";

    BundleMade: "{path} holds {parts}", "{path}에 담은 것: {parts}";
    BundleConfig: "{path} is not TOML, and cannot be freed of its secrets", "{path}은(는) TOML이 아니어서 비밀 값을 지울 수 없습니다";
    BundleConfigHelp: "`gyre check FILE` says where it is wrong; without --config the bundle has no config",
        "`gyre check FILE`로 잘못된 곳을 찾으십시오. --config를 빼면 설정 없이 묶습니다";

    // Lists of what stands.
    ListTitle: "{shown} of {standing}, as of {at}", "{standing}건 중 {shown}건, {at} 기준";
    ListOne: "as of {at}", "{at} 기준";
    ListMore: "more with --cursor {cursor}", "다음: --cursor {cursor}";
    ListKept: "{kept} of them can be listed here; the sinks have all", "여기서는 {kept}건까지 볼 수 있으며 전부는 싱크에 있습니다";
    ListNone: "nothing of this ref stands", "이 ref에 해당하는 것이 없습니다";
    ListNoneHelp: "it may have been mended or withdrawn; `list` shows what stands", "복구되었거나 철회되었을 수 있습니다. `list`로 현재 목록을 확인하십시오";
    ListRefused: "the question was not understood: {detail}", "질의를 이해할 수 없습니다: {detail}";

    // A run: what it tells.
    Warning: "warning", "경고";
    HeldUp: "{who} cannot go on; it is tried again until it can, and the source waits meanwhile",
        "{who}: 진행할 수 없어 될 때까지 다시 시도합니다. 그동안 소스는 기다립니다";
    GoesOn: "{who} goes on", "{who}: 다시 진행합니다";
    DiskFullLiveHelp: "free some space; it goes on by itself", "공간을 확보하면 저절로 이어집니다";
    RunBegins: "job {job} ({id}), start {generation}, workers: {workers}", "작업 {job} ({id}), {generation}번째 시작, 워커 {workers}개";
    RunEnds: "all is committed; ended as asked", "모두 커밋하고 요청대로 끝냈습니다";
    Draining: "asked to end: closing the last tick and committing it; a second signal ends at once",
        "종료 요청: 마지막 틱을 닫고 커밋합니다. 신호를 한 번 더 받으면 즉시 끝냅니다";
    RemapCut: "{path} had a torn end of {bytes} bytes, never committed anywhere; cut off behind tick {tick} into {kept}",
        "{path}의 끝 {bytes}바이트가 불완전하여 틱 {tick} 뒤를 잘라 {kept}에 옮겼습니다. 어디에도 커밋되지 않은 부분입니다";
    AgainBegins: "making the ticks through {tick} again from the beginning, about {lines} lines",
        "틱 {tick}까지 처음부터 다시 만듭니다. 약 {lines}줄";
    AgainAt: "made again: {percent} %, {count} lines, {rate}/s, about {left} s left",
        "다시 만드는 중: {percent} %, {count}줄, 초당 {rate}줄, 약 {left}초 남음";
    AgainEnds: "the books are as they were at tick {tick}: {count} lines in {seconds} s, {rate}/s",
        "틱 {tick}의 장부를 되살렸습니다: {count}줄, {seconds}초, 초당 {rate}줄";

    // A cluster.
    ClusterNoProcess: "there is no process {process} among {processes} addresses", "주소 {processes}개 중 프로세스 {process}은(는) 없습니다";
    ClusterNoProcessHelp: "--process counts the addresses of --cluster from 0", "--process는 --cluster의 주소를 0부터 셉니다";
    ClusterNotTrusted: "{at} is not on this machine, and records would travel to it in the clear",
        "{at}은(는) 이 컴퓨터가 아니며 레코드가 암호화되지 않고 전송됩니다";
    ClusterNotTrustedHelp: "name ends of TLS tunnels on this machine (127.0.0.1:PORT), or say --trusted-network where nobody else can listen",
        "이 컴퓨터의 TLS 터널 주소(127.0.0.1:PORT)를 쓰거나, 아무도 엿들을 수 없는 망이면 --trusted-network를 지정하십시오";
    ClusterAddressTaken: "cannot listen for the other processes at {at}", "{at}에서 다른 프로세스를 기다릴 수 없습니다";
    ClusterAddressTakenHelp: "another process may still be there; --process must be that of this address",
        "다른 프로세스가 아직 쓰고 있을 수 있습니다. --process가 이 주소의 번호인지 확인하십시오";
    ClusterWaits: "waiting for processes {processes}", "프로세스 {processes}을(를) 기다리는 중";
    ClusterWaitsForFirst: "waiting for process 0 at {at}", "{at}의 프로세스 0을 기다리는 중";
    ClusterBegins: "all {processes} processes are here", "프로세스 {processes}개가 모두 모였습니다";
    ClusterJoined: "process {process} of job {id}, start {generation}, workers: {workers}",
        "작업 {id}의 프로세스 {process}, {generation}번째 시작, 워커 {workers}개";
    ClusterRefused: "process 0 does not take this process: its {what} is {there}, here it is {here}",
        "프로세스 0이 거부했습니다: {what}이(가) 그쪽은 {there}, 여기는 {here}";
    ClusterRefusedHelp: "all processes of a cluster need the same gyre, config, --cluster and --workers",
        "클러스터의 모든 프로세스는 gyre 버전, 설정, --cluster, --workers가 같아야 합니다";
    ClusterGone: "another process of the cluster is gone", "클러스터의 다른 프로세스가 사라졌습니다";
    ClusterSilent: "process {process} has said nothing for {seconds} s", "프로세스 {process}이(가) {seconds}초 동안 응답이 없습니다";
    ClusterClosed: "process {process} is gone ({why})", "프로세스 {process}이(가) 사라졌습니다 ({why})";
    ClusterFailed: "process {process} cannot go on:\n{why}", "프로세스 {process}이(가) 진행할 수 없습니다:\n{why}";
    ClusterLost: "{why}; this start of the job is over, the next one begins", "{why}. 이번 시작을 끝내고 다음 시작을 준비합니다";
    ClusterNotAgain: "cannot begin again: {why}", "다시 시작할 수 없습니다: {why}";
    ClusterKeeps: "process {process} runs as {pid}", "프로세스 {process} 실행 중 (PID {pid})";
    ClusterEnded: "process {process} ended ({how}) and is started again", "프로세스 {process}이(가) 끝나({how}) 다시 시작합니다";
    ClusterWrong: "process {process} cannot run: it ended with exit code 2", "프로세스 {process}을(를) 실행할 수 없습니다: 종료 코드 2";
    ClusterWrongHelp: "it said above what is wrong", "원인은 위에 나와 있습니다";
    ClusterNoProgram: "cannot start process {process}", "프로세스 {process}을(를) 시작할 수 없습니다";
    ClusterHttpPort: "{at} leaves no room for the ports of {processes} processes", "{at}에는 프로세스 {processes}개의 포트를 둘 수 없습니다";

    RescaleBegins: "asked to go on with {processes} processes of {workers} workers: closing the last tick",
        "프로세스 {processes}개, 프로세스당 워커 {workers}개로 바꾸도록 요청받아 마지막 틱을 닫습니다";
    RescaleDone: "{processes} processes of {workers} workers keep the books; no tick closed for {seconds} s",
        "이제 프로세스 {processes}개, 프로세스당 워커 {workers}개가 장부를 유지합니다. 틱이 멈춘 시간 {seconds}초";
    RescaleNobody: "no `gyre cluster` keeps {path}", "{path}을(를) 유지하는 `gyre cluster`가 없습니다";
    RescaleNobodyHelp: "name the folder that `gyre cluster --state` was given; without it, stop all processes and start them with other numbers",
        "`gyre cluster --state`에 지정한 폴더를 쓰십시오. 없으면 모든 프로세스를 멈추고 다른 수로 시작하십시오";
    RescaleLost: "the cluster ended before it went on with the new numbers", "새 수로 이어지기 전에 클러스터가 끝났습니다";

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
    RowWhatIfHeldOf: "held, {currency}", "보류 중, {currency}";
    RowWhatIfHeld: "{other} instead of {in_force}, accounts: {accounts}", "{in_force} 대신 {other}, 계정 {accounts}개";
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
  gyre demo                                       see it at work: records, faults, books, figures
  gyre status                                     how a run, or the demo, stands
  gyre generate --wagers 100000 --output day      make a day's records to play with
  gyre replay day                                 do the books; they stand in day/out
  gyre replay day --output books --changes        … in books, with every change by tick
  gyre check gyre.toml                            all faults of a config, or the settings in force
  gyre completion bash > /etc/bash_completion.d/gyre

Exit codes:
  0  done
  1  check or status found faults
  2  wrong flags, wrong config, or input that is not there
  3  the world did not play along: an unreadable file, a full disk; trying again may help
  130 interrupted; 101 a fault in gyre itself", "예:
  gyre demo                                       작동 모습 보기: 레코드, 오류, 장부, 지표
  gyre status                                     실행이나 데모의 현황
  gyre generate --wagers 100000 --output day      시험용 하루치 레코드 만들기
  gyre replay day                                 장부 작성 (결과는 day/out)
  gyre replay day --output books --changes        books에 작성, 틱별 변경 내역 포함
  gyre check gyre.toml                            설정의 모든 오류 또는 적용되는 값 보기
  gyre completion bash > /etc/bash_completion.d/gyre

종료 코드:
  0  완료
  1  점검(check)이나 현황(status)에서 문제 발견
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
  what_if.json         which anomalies and held payouts would differ under other rules, with --what-if
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
  what_if.json         다른 규칙이라면 달라질 이상 징후와 보류 금액 (--what-if)
  summary.json         마지막에 보이는 표의 수치
행은 키의 UTF-8 바이트 순으로 정렬됩니다. 같은 레코드 집합이면 순서나 --workers와 상관없이 결과가 같습니다.";
    AfterRun: "It runs until Ctrl-C or SIGTERM asks it to end (exit 0), and is sound if it is killed at any instant: started again
with the same --state it goes on as if nothing had happened. The least config, FILE:
  [source.folder]
  path = \"in\"         wagers.jsonl, outcomes.jsonl, payments.jsonl, games.jsonl, accounts.jsonl, rules.jsonl, commands.jsonl:
                      they are appended to, may appear at any time, and are never changed
  [sinks.files]
  path = \"out\"        changes-FIRST-LAST.jsonl: each file holds every change of its ticks, and stays as it is
`gyre check FILE` shows everything that can be set. The books are those of `gyre replay` over the same lines received
at the same ticks. The source is read from its beginning at every start: keep the files.",
        "Ctrl-C나 SIGTERM을 받을 때까지 실행되며(종료 코드 0), 어느 순간에 강제 종료되어도 안전합니다. 같은 --state로 다시 시작하면
아무 일 없었던 듯 이어집니다. 가장 짧은 설정 FILE:
  [source.folder]
  path = \"in\"         wagers.jsonl, outcomes.jsonl, payments.jsonl, games.jsonl, accounts.jsonl, rules.jsonl, commands.jsonl:
                      덧붙이기만 하며, 언제든 생겨날 수 있고, 고치지 않습니다
  [sinks.files]
  path = \"out\"        changes-처음-끝.jsonl: 파일마다 해당 틱의 모든 변경 내역이 있으며 바뀌지 않습니다
설정할 수 있는 것은 `gyre check FILE`이 보여 줍니다. 장부는 같은 줄을 같은 틱에 받은 `gyre replay`의 장부와 같습니다.
시작할 때마다 소스를 처음부터 다시 읽으므로 파일을 보관하십시오.";
    AfterGenerate: "Writes wagers.jsonl, outcomes.jsonl, payments.jsonl, games.jsonl and accounts.jsonl. The same flags and seed give
the same bytes. With --faults 0.01 one wager in a hundred goes wrong: duplicates, conflicts, late and lost
outcomes, misspelt money and the like.", "wagers.jsonl, outcomes.jsonl, payments.jsonl, games.jsonl, accounts.jsonl을 만듭니다. 같은 옵션과 시드는 같은
바이트를 냅니다. --faults 0.01이면 베팅 백 건에 한 건꼴로 중복, 상충, 지연·누락 결과, 금액 표기 오류 등이 생깁니다.";
    AfterCheck: "Shows every fault at once, with line, column and what to write instead, and exits 1; or the settings in force,
and exits 0. Without CONFIG it shows the defaults. deploy/gyre.example.toml explains every setting.",
        "모든 오류를 줄, 열, 고칠 내용과 함께 한 번에 보이고 1로 끝나거나, 적용되는 설정을 보이고 0으로 끝납니다.
CONFIG가 없으면 기본값을 보입니다. 모든 설정의 설명은 deploy/gyre.example.toml에 있습니다.";
}
