//! The help of the command line in Korean.

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
    (
        "replay",
        "what_if",
        "FILE의 rtp, anomalies.* 설정이라면 달라질 이상 징후와 보류 금액을 what_if.json에 기록",
    ),
    ("run", "", "끝없이 들어오는 스트림의 장부를 유지"),
    ("run", "config", "소스와 싱크를 지정하는 설정 파일 (TOML)"),
    ("run", "state", "작업이 기억할 것을 두는 폴더; 없으면 만들며, 한 번에 하나의 실행만 사용"),
    ("run", "workers", "작업 스레드 수, 1~256 [기본값: 코어 수]; 장부에는 영향이 없음"),
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
