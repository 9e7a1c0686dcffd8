import HTTPTypes
import HummingbirdCore
import NIOCore
import NIOHTTP1
import NIOHTTPTypes

/// Answers what cannot even be parsed as HTTP, such as giant headers, with problem details before it closes.
///
/// Only on an otherwise quiet connection: if an answer is under way, Hummingbird ends the connection itself.
final class MalformedRequestHandler: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPRequestPart
    typealias InboundOut = HTTPRequestPart
    typealias OutboundIn = HTTPResponsePart
    typealias OutboundOut = HTTPResponsePart

    private var openRequests = 0

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if case .head = unwrapInboundIn(data) { openRequests += 1 }
        context.fireChannelRead(data)
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        if case .end = unwrapOutboundIn(data) { openRequests -= 1 }
        context.write(data, promise: promise)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard openRequests == 0, let error = error as? HTTPParserError else {
            context.fireErrorCaught(error)
            return
        }
        let problem = error == .headerOverflow ? Problem.headerTooLarge : .notHTTP
        var response = problem.response
        response.headers.addSecurity()
        let body = context.channel.allocator.buffer(bytes: problem.body)
        context.write(wrapOutboundOut(.head(response.head)), promise: nil)
        context.write(wrapOutboundOut(.body(body)), promise: nil)
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        context.close(mode: .output, promise: nil)
        context.channel.closeSoon()
    }
}

extension Problem {
    fileprivate static let headerTooLarge = Problem(
        .requestHeaderFieldsTooLarge, "header-too-large", "The header is too large", "Send smaller header fields.",
        headers: [.connection: "close"])

    fileprivate static let notHTTP = Problem(
        .badRequest, "malformed-request", "The request cannot be understood", "Send well-formed HTTP/1.1.",
        headers: [.connection: "close"])
}
