// swift-tools-version: 6.2
import PackageDescription

// Thread Sanitizer runs over the modules that need no HTTP stack; leaving the others out of the
// package keeps that build short.
let core = Context.environment["FLEETLOG_PACKAGE"] == "core"

let strict: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .treatAllWarnings(as: .error),
    // Lets the optimiser look into other modules, as far as their declarations are public.
    .unsafeFlags(["-cross-module-optimization"], .when(configuration: .release)),
]

let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")
let metrics: Target.Dependency = .product(name: "Metrics", package: "swift-metrics")
let lifecycle: Target.Dependency = .product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
let signals: Target.Dependency = .product(name: "UnixSignals", package: "swift-service-lifecycle")
let arguments: Target.Dependency = .product(name: "ArgumentParser", package: "swift-argument-parser")
let crypto: Target.Dependency = .product(name: "Crypto", package: "swift-crypto")
let cryptoExtras: Target.Dependency = .product(name: "CryptoExtras", package: "swift-crypto")
let http: [Target.Dependency] = [
    .product(name: "Hummingbird", package: "hummingbird"), .product(name: "HummingbirdCore", package: "hummingbird"),
    .product(name: "HTTPTypes", package: "swift-http-types"), .product(name: "NIOCore", package: "swift-nio"),
    .product(name: "NIOHTTP1", package: "swift-nio"), .product(name: "NIOHTTPTypes", package: "swift-nio-extras"),
]
let certificates: [Target.Dependency] = [
    .product(name: "X509", package: "swift-certificates"), .product(name: "SwiftASN1", package: "swift-asn1"),
]
let httpClient: [Target.Dependency] = [
    .product(name: "AsyncHTTPClient", package: "async-http-client"), .product(name: "NIOCore", package: "swift-nio"),
    .product(name: "NIOHTTP1", package: "swift-nio"),
]
let histogram: Target.Dependency = .product(name: "Histogram", package: "hdrhistogram-swift")
let yaml: Target.Dependency = .product(name: "Yams", package: "Yams")

var targets: [Target] = [
    .systemLibrary(name: "CLibPQ", pkgConfig: "libpq", providers: [.apt(["libpq-dev"])]),
    .systemLibrary(name: "CLZ4", pkgConfig: "liblz4", providers: [.apt(["liblz4-dev"])]),
    .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
    .systemLibrary(name: "CCurl", pkgConfig: "libcurl", providers: [.apt(["libcurl4-openssl-dev"])]),

    .systemLibrary(name: "CLinux"),
    .systemLibrary(name: "CProcess"),
    .target(
        name: "Runtime", dependencies: ["CLibPQ", "CLinux", "CLZ4", crypto, logging, metrics, lifecycle],
        swiftSettings: strict),
    .target(
        name: "Migrations", path: "Migrations",
        resources: [
            .embedInCode("0001-roles.sql"),
            .embedInCode("0002-event-log.sql"),
            .embedInCode("0003-snapshots.sql"),
            .embedInCode("0004-projections.sql"),
            .embedInCode("0005-credentials.sql"),
            .embedInCode("0006-ingest.sql"),
            .embedInCode("0007-workflows.sql"),
            .embedInCode("0008-notifications.sql"),
            .embedInCode("0009-rollouts.sql"),
            .embedInCode("0010-alerts.sql"),
            .embedInCode("0011-snapshots-of-the-past.sql"),
            .embedInCode("0012-partitions.sql"),
            .embedInCode("0013-accepted-commands.sql"),
            .embedInCode("0014-device-access.sql"),
            .embedInCode("0015-registry.sql"),
            .embedInCode("0016-connectivity.sql"),
            .embedInCode("0017-quarantined-access.sql"),
            .embedInCode("0018-flagged-readings.sql"),
            .embedInCode("0019-configuration.sql"),
            .embedInCode("0020-seals.sql"),
            .embedInCode("0021-claims.sql"),
            .embedInCode("0022-explorer.sql"),
            .embedInCode("0023-commands.sql"),
            .embedInCode("0024-rebuilds.sql"),
            .embedInCode("0025-stuck-entities.sql"),
            .embedInCode("0026-device-clocks.sql"),
            .embedInCode("0027-telemetry.sql"),
            .embedInCode("0028-limits.sql"),
            .embedInCode("0029-late-readings.sql"),
            .embedInCode("0030-view-contents.sql"),
            .embedInCode("0031-content-types.sql"),
            .embedInCode("0032-room-in-devices.sql"),
            .embedInCode("0033-device-certificates.sql"),
            .embedInCode("0034-device-search.sql"),
            .embedInCode("0035-head-mailboxes.sql"),
            .embedInCode("0036-past-views.sql"),
            .embedInCode("0037-provisional-readings.sql"),
            .embedInCode("0038-state-beside-the-view.sql"),
            .embedInCode("0039-past-streams.sql"),
            .embedInCode("0040-states.sql"),
            .embedInCode("0041-last-readings.sql"),
            .embedInCode("0042-position-near.sql"),
            .embedInCode("0043-departures.sql"),
            .embedInCode("0044-ended-credentials.sql"),
            .embedInCode("0045-alerts-by-severity.sql"),
            .embedInCode("0046-minutes-in-hours.sql"),
            .embedInCode("0047-keeper-of-a-view.sql"),
            .embedInCode("0048-acts-of-people.sql"),
            .embedInCode("0049-order-of-readings.sql"),
            .embedInCode("0050-past-views-tried-again.sql"),
            .embedInCode("0051-latest-readings.sql"),
            .embedInCode("0052-head-moved.sql"),
        ],
        swiftSettings: strict),
    .target(name: "Aggregates", dependencies: ["Runtime"], swiftSettings: strict),
    .target(
        name: "Projections", dependencies: ["Aggregates", "Runtime", logging, metrics, lifecycle], swiftSettings: strict
    ),
    .target(
        name: "Workflows", dependencies: ["Aggregates", "Runtime", "CCurl", logging, metrics, lifecycle, crypto],
        swiftSettings: strict),
    .target(name: "Installation", dependencies: ["CProcess", logging, lifecycle], swiftSettings: strict),

    .target(
        name: "Support",
        dependencies: ["Installation", "Migrations", "Projections", "Aggregates", "Runtime", logging, crypto],
        path: "Tests/Support",
        swiftSettings: strict),
    .testTarget(name: "RuntimeTests", dependencies: ["Runtime", "Support", logging], swiftSettings: strict),
    .testTarget(name: "AggregatesTests", dependencies: ["Aggregates", "Runtime", "Support"], swiftSettings: strict),
    .testTarget(
        name: "ProjectionsTests",
        dependencies: [
            "Projections", "Aggregates", "Runtime", "Support", logging,
            .product(name: "MetricsTestKit", package: "swift-metrics"),
        ],
        swiftSettings: strict),
    .testTarget(
        name: "WorkflowsTests",
        dependencies: ["Workflows", "Aggregates", "Runtime", "Installation", "Support", logging, lifecycle, crypto],
        swiftSettings: strict),
    .testTarget(name: "InstallationTests", dependencies: ["Installation", "Support", logging], swiftSettings: strict),
]

var dependencies: [Package.Dependency] = [
    .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
    .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
    .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
    .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
]

if !core {
    targets += [
        .systemLibrary(name: "CMosquitto", pkgConfig: "libmosquitto", providers: [.apt(["libmosquitto-dev"])]),
        // Loaded by the broker, never linked: it calls functions that only the broker has.
        .target(
            name: "BrokerGuard",
            cSettings: [
                .define("_GNU_SOURCE"),
                .unsafeFlags(["-std=c11", "-Wall", "-Wextra", "-Werror", "-fvisibility=hidden"]),
            ],
            linkerSettings: [.linkedLibrary("crypto")]),
        .target(
            name: "Gateway",
            dependencies: [
                "Projections", "Workflows", "Aggregates", "Runtime", "CMosquitto", "CZlib", logging, metrics,
                lifecycle, crypto, cryptoExtras,
            ] + http + certificates,
            resources: [
                .embedInCode("Page/activity.js"), .embedInCode("Page/alerts.js"), .embedInCode("Page/api.js"),
                .embedInCode("Page/app.js"), .embedInCode("Page/attention.js"), .embedInCode("Page/changes.js"),
                .embedInCode("Page/chart.js"),
                .embedInCode("Page/comparison.js"), .embedInCode("Page/device.js"), .embedInCode("Page/devicecards.js"),
                .embedInCode("Page/devicetable.js"), .embedInCode("Page/event.js"), .embedInCode("Page/eventrow.js"),
                .embedInCode("Page/events.js"), .embedInCode("Page/explorer.js"), .embedInCode("Page/favicon.svg"),
                .embedInCode("Page/fleet.js"), .embedInCode("Page/history.js"), .embedInCode("Page/index.html"),
                .embedInCode("Page/instant.js"), .embedInCode("Page/logpanel.js"), .embedInCode("Page/overview.js"),
                .embedInCode("Page/page.css"), .embedInCode("Page/places.css"), .embedInCode("Page/readings.js"),
                .embedInCode("Page/rollouts.js"), .embedInCode("Page/route.js"), .embedInCode("Page/streams.js"),
                .embedInCode("Page/view.js"), .embedInCode("Page/viewcard.js"), .embedInCode("Page/views.js"),
                .embedInCode("HTTP/openapi.json"),
            ], swiftSettings: strict),
        .target(name: "Simulator", dependencies: ["Runtime", "CMosquitto"] + httpClient, swiftSettings: strict),
        .target(
            name: "Benchmarks",
            dependencies: [
                "Gateway", "Projections", "Workflows", "Aggregates", "Runtime", "Installation", "Migrations", "CLibPQ",
                "CLinux",
                "CMosquitto", "CCurl", logging, histogram, crypto,
            ] + httpClient, path: "Benchmarks", exclude: ["RESULTS.md", "INSTRUCTIONS.md"],
            resources: [
                .embedInCode("Peers/requirements.txt"), .embedInCode("Peers/umadb_writers.py"),
                .embedInCode("Peers/eventsourcing_writers.py"),
            ], swiftSettings: strict),
        .executableTarget(
            name: "Fleetlog",
            dependencies: [
                "Gateway", "Projections", "Workflows", "Aggregates", "Runtime", "Installation", "Migrations",
                "Simulator", "Benchmarks", "CCurl",
                arguments, logging, metrics, lifecycle, signals, yaml,
            ] + httpClient, swiftSettings: strict),
        .executableTarget(
            name: "PureWorkload", dependencies: ["Benchmarks"], swiftSettings: strict),
        .testTarget(
            name: "GatewayTests",
            dependencies: [
                "Gateway", "Projections", "Workflows", "Aggregates", "Runtime", "Installation", "Migrations", "Support",
                logging,
                lifecycle,
                metrics, crypto, cryptoExtras,
            ], swiftSettings: strict),
        .testTarget(
            name: "SimulatorTests", dependencies: ["Simulator", "Runtime", "Installation", "Support"],
            swiftSettings: strict),
        .testTarget(
            name: "FleetlogTests",
            dependencies: ["Fleetlog", "Workflows", "Runtime", "Installation", "Support", arguments, logging],
            swiftSettings: strict),
        .testTarget(
            name: "EndToEndTests", dependencies: ["Runtime", "Installation", "Support", logging] + httpClient,
            swiftSettings: strict),
    ]
    dependencies += [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1"),
        .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
        .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.90.0"),
        .package(url: "https://github.com/apple/swift-nio-extras", from: "1.30.0"),
        .package(url: "https://github.com/apple/swift-certificates.git", from: "1.14.0"),
        .package(url: "https://github.com/apple/swift-asn1.git", from: "1.7.0"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
        .package(url: "https://github.com/HdrHistogram/hdrhistogram-swift", from: "0.2.0"),
    ]
}

let package = Package(
    name: "fleetlog",
    platforms: [.macOS(.v15)],
    products: core
        ? []
        : [
            .executable(name: "fleetlog", targets: ["Fleetlog"]),
            .library(name: "BrokerGuard", type: .dynamic, targets: ["BrokerGuard"]),
        ],
    dependencies: dependencies,
    targets: targets
)
