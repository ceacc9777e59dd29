using System.Diagnostics;
using Latchkey.Protocol.Names;
using Latchkey.ResourceServer.Challenges;
using Latchkey.ResourceServer.Diagnostics;
using Latchkey.ResourceServer.Tokens;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Latchkey.ResourceServer;

/// <summary>
/// ASP.NET's authentication by access tokens: the guard judges, this class tells ASP.NET and the caller. One for each request. It does by itself the little
/// that it needs of ASP.NET's base class, which would make more for each request and log each refusal twice more, in words of its own.
/// </summary>
internal sealed class AccessTokenHandler(IOptionsMonitor<ResourceServerOptions> monitor, ILoggerFactory logs) : IAuthenticationRequestHandler
{
    private static readonly Task<bool> NotServed = Task.FromResult(false);

    private AuthenticationScheme _scheme = null!;
    private HttpContext _context = null!;
    private ResourceServerOptions _options = null!;
    private Task<AuthenticateResult>? _authenticated;
    private Denial? _denial;
    private string _sentAs = TokenTypes.Bearer;

    /// <inheritdoc />
    public Task InitializeAsync(AuthenticationScheme scheme, HttpContext context)
    {
        (_scheme, _context, _options) = (scheme, context, monitor.Get(scheme.Name));
        return Task.CompletedTask;
    }

    /// <summary>The protected resource metadata is served without a route, so that nobody can forget it.</summary>
    public Task<bool> HandleRequestAsync() => _options.Guard.Metadata.IsFor(_context.Request) ? _options.Guard.Metadata.ServeAsync(_context) : NotServed;

    /// <inheritdoc />
    public Task<AuthenticateResult> AuthenticateAsync() =>
        Elsewhere(_options.ForwardAuthenticate) is { } other ? _context.AuthenticateAsync(other) : AuthenticateOnceAsync();

    /// <inheritdoc />
    public async Task ChallengeAsync(AuthenticationProperties? properties)
    {
        if (Elsewhere(_options.ForwardChallenge) is { } other)
        {
            await _context.ChallengeAsync(other, properties).ConfigureAwait(false);
            return;
        }

        await AuthenticateOnceAsync().ConfigureAwait(false);
        if (_denial is { } denial)
        {
            await Refusing.DenyAsync(_context, _options.Guard, denial).ConfigureAwait(false);
            return;
        }

        Log().Asked(_context.Request.Method, _context.Request.Path.ToUriComponent());
        await Refusing.AskAsync(_context, _options.Guard).ConfigureAwait(false);
    }

    /// <inheritdoc />
    public async Task ForbidAsync(AuthenticationProperties? properties)
    {
        if (Elsewhere(_options.ForwardForbid) is { } other)
        {
            await _context.ForbidAsync(other, properties).ConfigureAwait(false);
            return;
        }

        var caller = await AuthenticateOnceAsync().ConfigureAwait(false);
        var refusal = await Refusing.ForbidAsync(_context, _options.Guard, _sentAs).ConfigureAwait(false);
        Log().AccessRefused(_context.Request.Method, _context.Request.Path.ToUriComponent(), caller.Principal?.FindFirst(ClaimNames.ClientId)?.Value, refusal);
        GuardTelemetry.AccessRefused(_options.Resource!, refusal.Code);
    }

    private static Task KeepPrivate(HttpResponse response)
    {
        if (response.Headers.CacheControl.Count == 0) response.Headers.CacheControl = "no-store";
        return Task.CompletedTask;
    }

    /// <summary>The scheme that the application sends this to instead (<see cref="AuthenticationSchemeOptions.ForwardDefault"/> and its kin); null for none.</summary>
    private string? Elsewhere(string? named)
    {
        var other = named ?? _options.ForwardDefaultSelector?.Invoke(_context) ?? _options.ForwardDefault;
        return other == _scheme.Name ? null : other;
    }

    // A token is judged once in a request, however often it is asked for: its proof counts once.
    private Task<AuthenticateResult> AuthenticateOnceAsync() => _authenticated ??= JudgeAsync();

    private async Task<AuthenticateResult> JudgeAsync()
    {
        var guard = _options.Guard;
        var (sent, denied) = Credentials.Read(_context.Request.Headers.Authorization);
        if (denied is not null) return Deny(denied);
        if (sent is not { } credentials) return AuthenticateResult.NoResult();

        _sentAs = credentials.Scheme;
        var (token, denial) = await guard.JudgeAsync(_context, credentials).ConfigureAwait(false);
        if (denial is not null) return Deny(denial);

        _context.Features.Set(guard);
        // Without a word from the endpoint, what belongs to this caller stays with this caller (RFC 6750 section 5.3).
        _context.Response.OnStarting(static response => KeepPrivate((HttpResponse)response), _context.Response);
        var properties = new AuthenticationProperties();
        if (_options.SaveToken) properties.StoreTokens([new AuthenticationToken { Name = "access_token", Value = credentials.Token }]);
        return AuthenticateResult.Success(new(token!.ToPrincipal(_scheme.Name, guard.Hierarchy), properties, _scheme.Name));
    }

    private AuthenticateResult Deny(Denial denial)
    {
        _denial = denial;
        var (request, refusal) = (_context.Request, denial.Refusal);
        if (denial.Status == 503) Log().ProviderUnavailable(request.Method, request.Path.ToUriComponent(), refusal);
        else Log().TokenRefused(request.Method, request.Path.ToUriComponent(), refusal);
        Activity.Current?.SetTag("latchkey.refusal", refusal.Code);
        GuardTelemetry.Refused(_options.Resource!, denial.Status == 503, refusal.Code);
        return AuthenticateResult.Fail(new AccessTokenRefusedException(refusal));
    }

    private ILogger Log() => logs.CreateLogger(RefusalLog.Category);
}
