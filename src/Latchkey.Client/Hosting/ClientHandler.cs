using Latchkey.Verification.Providers;

namespace Latchkey.Client.Hosting;

/// <summary>A client's connections to its provider: no redirects, TLS verified, and the client's certificate if it has one (RFC 8705).</summary>
internal static class ClientHandler
{
    public static HttpMessageHandler Create(LatchkeyClientOptions options)
    {
        var handler = ProviderHttp.CreateHandler();
        if (options.TlsCertificate is { } certificate && handler is SocketsHttpHandler sockets) sockets.SslOptions.ClientCertificates = [certificate];
        return handler;
    }
}
