using System.Buffers.Text;
using System.Diagnostics;
using System.Security.Cryptography;
using Latchkey.Protocol;
using Latchkey.Server.Diagnostics;
using Latchkey.Storage;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Logging;

namespace Latchkey.Server.Hosting;

/// <summary>
/// What every request passes through first and every answer last: the request's id, the issuer's path, the headers that all answers share, CORS,
/// and the one place where an exception becomes an answer.
/// </summary>
internal sealed partial class Boundary(ServerOptions options, ILogger<Boundary> logger)
{
    private const int RetryAfterSeconds = 2;

    // Besides /.well-known: here callers are programs and read JSON, everywhere else they are people and read a page.
    private static readonly string[] ForPrograms =
        ["/token", "/userinfo", "/revoke", "/introspect", "/device/code", "/par", "/register", "/healthz/live", "/healthz/ready"];

    private readonly PathString _pathBase = options.PathBase;

    public Task HandleAsync(HttpContext context, RequestDelegate next) => ServerTelemetry.IsWanted ? WatchAsync(context, next) : PassAsync(context, next);

    private async Task WatchAsync(HttpContext context, RequestDelegate next)
    {
        var started = Stopwatch.GetTimestamp();
        var activity = ServerTelemetry.Begin(context);
        try
        {
            await PassAsync(context, next).ConfigureAwait(false);
        }
        finally
        {
            ServerTelemetry.End(context, activity, started);
        }
    }

    private async Task PassAsync(HttpContext context, RequestDelegate next)
    {
        context.Features.Set<IHttpRequestIdentifierFeature>(new RequestIdentifier());
        // The issuer says how people come here, whatever a proxy in between says or leaves unsaid.
        if (options.IsHttps) context.Request.Scheme = "https";
        var known = EnterIssuer(context.Request);
        var open = Prepare(context);
        if (!known)
        {
            await NotFoundAsync(context).ConfigureAwait(false);
            return;
        }

        if (open && HttpMethods.IsOptions(context.Request.Method))
        {
            Cors.AnswerPreflight(context);
            return;
        }

        try
        {
            await next(context).ConfigureAwait(false);
        }
        catch (Exception exception) when (context.RequestAborted.IsCancellationRequested && exception is OperationCanceledException or IOException)
        {
            // The caller has gone; there is nobody to answer.
            return;
        }
#pragma warning disable CA1031 // the boundary
        catch (Exception exception) when (!context.Response.HasStarted)
#pragma warning restore CA1031
        {
            var error = ErrorOf(exception, context);
            context.Response.Clear();
            Prepare(context);
            if (error.Status == StatusCodes.Status503ServiceUnavailable) context.Response.Headers.RetryAfter = $"{RetryAfterSeconds}";
            await AnswerAsync(context, error).ConfigureAwait(false);
            return;
        }

        // Routing says no without a word.
        if (context.Response is { HasStarted: false, ContentType: null, ContentLength: null })
        {
            if (context.Response.StatusCode == StatusCodes.Status404NotFound) await NotFoundAsync(context).ConfigureAwait(false);
            else if (context.Response.StatusCode == StatusCodes.Status405MethodNotAllowed) await AnswerAsync(context, WrongMethod).ConfigureAwait(false);
        }
    }

    /// <summary>Answers that there is nothing here, to a program in JSON and to a person with a page.</summary>
    public static Task NotFoundAsync(HttpContext context) => AnswerAsync(context, NotFound);

    private static OAuthError NotFound => new("invalid_request", "There is nothing at this address; the metadata lists every endpoint.", StatusCodes.Status404NotFound);

    private static OAuthError WrongMethod =>
        new("invalid_request", "This endpoint does not take this method; the Allow header says which it takes.", StatusCodes.Status405MethodNotAllowed);

    private static Task AnswerAsync(HttpContext context, OAuthError error)
    {
        if (context.Request.Path.StartsWithSegments("/.well-known", StringComparison.Ordinal) || context.Request.Path.StartsWithSegments("/register", StringComparison.Ordinal)
            || Array.Exists(ForPrograms, path => context.Request.Path.Equals(path, StringComparison.Ordinal)))
            return context.WriteErrorAsync(error);
        return context.WriteErrorPageAsync(error);
    }

    // As it was on the wire: no line break of a caller's gets into the log.
    private static string Path(HttpContext context) => context.Request.Path.ToUriComponent();

    private OAuthError ErrorOf(Exception exception, HttpContext context)
    {
        switch (exception)
        {
            case DatabaseUnavailableException:
                LogUnavailable(logger, context.Request.Method, Path(context), context.RequestId(), exception.Message);
                return OAuthError.TemporarilyUnavailable("The server cannot do this now; try again in a moment.");
            case BadHttpRequestException { StatusCode: StatusCodes.Status413PayloadTooLarge }:
                return new("invalid_request", "The body is larger than 64 KiB.", StatusCodes.Status413PayloadTooLarge);
            case BadHttpRequestException bad:
                return new("invalid_request", "The request is not well-formed HTTP, or its body broke off.", bad.StatusCode);
            default:
                LogFailure(logger, exception, context.Request.Method, Path(context), context.RequestId());
                return OAuthError.ServerError($"Something broke here; the log of the server has more under the request id {context.RequestId()}.");
        }
    }

    /// <summary>Splits the issuer's path off, so that every endpoint is found below it and nowhere else.</summary>
    /// <returns>False for a path outside the issuer's.</returns>
    private bool EnterIssuer(HttpRequest request)
    {
        if (!_pathBase.HasValue) return true;
        if (request.Path.StartsWithSegments(_pathBase, StringComparison.Ordinal, out var rest))
        {
            request.PathBase = _pathBase;
            request.Path = rest.HasValue ? rest : "/";
            return true;
        }

        // RFC 8414 section 3.1 puts the well-known part in front of the issuer's path.
        return request.Path.StartsWithSegments("/.well-known", StringComparison.Ordinal)
            && request.Path.Value!.EndsWith(_pathBase.Value!, StringComparison.Ordinal);
    }

    /// <summary>Sets the headers that do not depend on how it goes.</summary>
    /// <returns>Whether scripts of other origins may call this endpoint.</returns>
    private bool Prepare(HttpContext context)
    {
        var headers = context.Response.Headers;
        headers.XContentTypeOptions = "nosniff";
        if (options.IsHttps) headers.StrictTransportSecurity = "max-age=31536000";
        return Cors.Apply(context);
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "{Method} {Path} broke; request {RequestId}")]
    private static partial void LogFailure(ILogger logger, Exception exception, string method, string path, string requestId);

    [LoggerMessage(Level = LogLevel.Error, Message = "{Method} {Path} was answered 503; request {RequestId}. {Reason}")]
    private static partial void LogUnavailable(ILogger logger, string method, string path, string requestId, string reason);

    /// <summary>16 random characters, made when somebody asks: most answers never do.</summary>
    private sealed class RequestIdentifier : IHttpRequestIdentifierFeature
    {
        private string? _id;

        public string TraceIdentifier
        {
            get => _id ??= Make();
            set => _id = value;
        }

        private static string Make()
        {
            Span<byte> bytes = stackalloc byte[12];
            RandomNumberGenerator.Fill(bytes);
            return Base64Url.EncodeToString(bytes);
        }
    }
}
