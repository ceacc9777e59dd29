using Latchkey.Client.AspNetCore.Pages;
using Latchkey.Client.AspNetCore.SignIn;
using Latchkey.Client.Tokens;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Yarp.ReverseProxy.Forwarder;

namespace Latchkey.Client.AspNetCore.Bff;

/// <summary>Lets calls through to one API with the person's access token (RFC 10017 section 6.1.3.6).</summary>
internal sealed class ApiForwarder(BffOptions options, BffApi api, IHttpForwarder forwarder, string scheme)
{
    private static readonly HttpRequestOptionsKey<ITokenSource> Source = new("latchkey.source");

    private readonly ApiTransformer _transformer = new(api);
    private readonly Lock _making = new();
    private HttpMessageInvoker? _invoker;

    public async Task HandleAsync(HttpContext context)
    {
        var request = context.Request;
        if (!await BffGuard.AllowsAsync(context, options)) return;
        if (!api.Methods.Contains(request.Method))
        {
            await NoticePage.WriteErrorAsync(context, StatusCodes.Status405MethodNotAllowed, "method_not_allowed", SignInRefusals.ApiMethod.ToString());
            return;
        }

        request.Path.StartsWithSegments(api.Path, out var rest);
        var fault = !ApiPath.IsPlain(context.Features.Get<IHttpRequestFeature>()!.RawTarget) ? SignInRefusals.ApiPath
            : !ApiPath.IsAllowed(api, rest) ? SignInRefusals.ApiPathUnlisted
            : null;
        if (fault is not null)
        {
            await NoticePage.WriteErrorAsync(context, StatusCodes.Status404NotFound, "not_found", fault.ToString());
            return;
        }

        if (await CurrentSession.OfAsync(context, scheme) is not { } current)
        {
            await LoginRequiredAsync(context);
            return;
        }

        var source = current.Part.Tokens.For(current.Session.Key, api.Scope, api.Resource);
        var error = await forwarder.SendAsync(context, api.Address, Invoker(current.Part), ForwarderRequestConfig.Empty, new WithSource(_transformer, source));
        if (error == ForwarderError.None || context.Response.HasStarted) return;
        await FailedAsync(context);
    }

    private static async Task FailedAsync(HttpContext context)
    {
        switch (context.Features.Get<IForwarderErrorFeature>()?.Exception)
        {
            case TokenUnavailableException { NeedsSignIn: true }:
                await LoginRequiredAsync(context);
                break;
            case TokenUnavailableException unavailable:
                await NoticePage.WriteErrorAsync(context, StatusCodes.Status503ServiceUnavailable, unavailable.Error, "There is no access token for the API just now.");
                break;
            default:
                if (context.Response.StatusCode < 400) context.Response.StatusCode = StatusCodes.Status502BadGateway;
                await NoticePage.WriteErrorAsync(context, context.Response.StatusCode, "api_unavailable", "The API does not answer.");
                break;
        }
    }

    private static Task LoginRequiredAsync(HttpContext context) =>
        NoticePage.WriteErrorAsync(context, StatusCodes.Status401Unauthorized, TokenUnavailableException.LoginRequired, "Nobody is signed in, or the sign-in is over.");

    // One set of connections for each API. Cookies are nobody's here, and a redirect is the API's answer.
    private HttpMessageInvoker Invoker(SignInPart part)
    {
        if (_invoker is { } made) return made;
        lock (_making)
        {
            return _invoker ??= new HttpMessageInvoker(new TokenHandler(
                (request, _) => request.Options.TryGetValue(Source, out var source) ? new(source) : throw new InvalidOperationException("The call has no source of tokens."),
                part.Client)
            {
                InnerHandler = part.ApiHandler(),
            });
        }
    }

    /// <summary>The transformer of one call, which says whose token it takes.</summary>
    private sealed class WithSource(ApiTransformer inner, ITokenSource source) : HttpTransformer
    {
        public override ValueTask TransformRequestAsync(HttpContext httpContext, HttpRequestMessage proxyRequest, string destinationPrefix, CancellationToken cancellationToken)
        {
            proxyRequest.Options.Set(Source, source);
            return inner.TransformRequestAsync(httpContext, proxyRequest, destinationPrefix, cancellationToken);
        }

        public override ValueTask<bool> TransformResponseAsync(HttpContext httpContext, HttpResponseMessage? proxyResponse, CancellationToken cancellationToken) =>
            inner.TransformResponseAsync(httpContext, proxyResponse, cancellationToken);
    }
}
