using System.Diagnostics;
using System.Text.Encodings.Web;
using Latchkey.Protocol.Names;
using Latchkey.ResourceServer.Challenges;
using Latchkey.ResourceServer.Diagnostics;
using Latchkey.ResourceServer.Tokens;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;

namespace Latchkey.ResourceServer;

/// <summary>ASP.NET's authentication by access tokens: the guard judges, this class tells ASP.NET and the caller.</summary>
internal sealed class AccessTokenHandler(IOptionsMonitor<ResourceServerOptions> options, ILoggerFactory logs, UrlEncoder encoder)
    // Its base would log each refusal twice more, in words of its own.
    : AuthenticationHandler<ResourceServerOptions>(options, NullLoggerFactory.Instance, encoder), IAuthenticationRequestHandler
{
    private Denial? _denial;
    private string _scheme = TokenTypes.Bearer;

    /// <summary>The protected resource metadata is served without a route, so that nobody can forget it.</summary>
    public async Task<bool> HandleRequestAsync() => await Options.Guard.Metadata.TryServeAsync(Context).ConfigureAwait(false);

    /// <inheritdoc />
    protected override async Task<AuthenticateResult> HandleAuthenticateAsync()
    {
        var guard = Options.Guard;
        var (sent, denied) = Credentials.Read(Request.Headers.Authorization);
        if (denied is not null) return Deny(denied);
        if (sent is not { } credentials) return AuthenticateResult.NoResult();

        _scheme = credentials.Scheme;
        var (token, denial) = await guard.JudgeAsync(Context, credentials).ConfigureAwait(false);
        if (denial is not null) return Deny(denial);

        Context.Features.Set(guard);
        // Without a word from the endpoint, what belongs to this caller stays with this caller (RFC 6750 section 5.3).
        Response.OnStarting(static response => KeepPrivate((HttpResponse)response), Response);
        var properties = new AuthenticationProperties();
        if (Options.SaveToken) properties.StoreTokens([new AuthenticationToken { Name = "access_token", Value = credentials.Token }]);
        return AuthenticateResult.Success(new(token!.ToPrincipal(Scheme.Name), properties, Scheme.Name));
    }

    /// <inheritdoc />
    protected override async Task HandleChallengeAsync(AuthenticationProperties properties)
    {
        await HandleAuthenticateOnceSafeAsync().ConfigureAwait(false);
        if (_denial is { } denial)
        {
            await Refusing.DenyAsync(Context, Options.Guard, denial).ConfigureAwait(false);
            return;
        }

        Log().Asked(Request.Method, Request.Path.ToUriComponent());
        await Refusing.AskAsync(Context, Options.Guard).ConfigureAwait(false);
    }

    /// <inheritdoc />
    protected override async Task HandleForbiddenAsync(AuthenticationProperties properties)
    {
        var caller = await HandleAuthenticateOnceSafeAsync().ConfigureAwait(false);
        var refusal = await Refusing.ForbidAsync(Context, Options.Guard, _scheme).ConfigureAwait(false);
        Log().AccessRefused(Request.Method, Request.Path.ToUriComponent(), caller.Principal?.FindFirst(ClaimNames.ClientId)?.Value, refusal);
        GuardTelemetry.AccessRefused(Options.Resource!, refusal.Code);
    }

    private static Task KeepPrivate(HttpResponse response)
    {
        if (response.Headers.CacheControl.Count == 0) response.Headers.CacheControl = "no-store";
        return Task.CompletedTask;
    }

    private AuthenticateResult Deny(Denial denial)
    {
        _denial = denial;
        var refusal = denial.Refusal;
        if (denial.Status == 503) Log().ProviderUnavailable(Request.Method, Request.Path.ToUriComponent(), refusal);
        else Log().TokenRefused(Request.Method, Request.Path.ToUriComponent(), refusal);
        Activity.Current?.SetTag("latchkey.refusal", refusal.Code);
        GuardTelemetry.Refused(Options.Resource!, denial.Status == 503, refusal.Code);
        return AuthenticateResult.Fail(new AccessTokenRefusedException(refusal));
    }

    private ILogger Log() => logs.CreateLogger(RefusalLog.Category);
}
