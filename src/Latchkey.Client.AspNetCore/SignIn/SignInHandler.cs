using System.Text;
using System.Text.Encodings.Web;
using Latchkey.Client.AspNetCore.Logout;
using Latchkey.Client.AspNetCore.Pages;
using Latchkey.Client.AspNetCore.Sessions;
using Latchkey.Client.Authorization;
using Latchkey.Client.Tokens;
using Latchkey.Protocol;
using Latchkey.Verification.Providers;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Latchkey.Client.AspNetCore.SignIn;

/// <summary>
/// Signs people in by the authorization code flow, knows them again by their session, and signs them out. The paths of the options are answered here;
/// everything else goes on to the app.
/// </summary>
internal sealed class SignInHandler(IOptionsMonitor<LatchkeySignInOptions> options, ILoggerFactory logger, UrlEncoder encoder, SignInParts all)
    : AuthenticationHandler<LatchkeySignInOptions>(options, logger, encoder), IAuthenticationRequestHandler, IAuthenticationSignOutHandler
{
    private SignInPart _part = null!;

    private LatchkeyClient Client => _part.Client;

    protected override Task InitializeHandlerAsync()
    {
        _part = all.Of(Scheme.Name, Options);
        return Task.CompletedTask;
    }

    public async Task<bool> HandleRequestAsync()
    {
        var (path, method) = (Request.Path, Request.Method);
        if (path == Options.BackchannelLogoutPath && HttpMethods.IsPost(method)) await BackchannelLogout.HandleAsync(Context, _part, Logger);
        else if (path == Options.LoginPath && HttpMethods.IsGet(method)) await SafelyAsync(LoginAsync);
        else if (IsCallback(path) && (HttpMethods.IsGet(method) || HttpMethods.IsPost(method))) await SafelyAsync(CallbackAsync);
        else if (path == Options.LogoutPath && (HttpMethods.IsGet(method) || HttpMethods.IsPost(method))) await SafelyAsync(LogoutAsync);
        else return false;
        return true;
    }

    protected override async Task<AuthenticateResult> HandleAuthenticateAsync()
    {
        if (SessionCookie.Find(Context, Scheme.Name) is not { } key) return AuthenticateResult.NoResult();
        if (await _part.Sessions.FindAsync(key, Context.RequestAborted) is not { } session || session.Scheme != Scheme.Name)
            return AuthenticateResult.Fail("The session has ended.");
        var properties = new AuthenticationProperties { IssuedUtc = session.CreatedAt, ExpiresUtc = session.ExpiresAt };
        properties.SetParameter(CurrentSession.Key, new CurrentSession(session, _part));
        return AuthenticateResult.Success(new AuthenticationTicket(session.ToPrincipal(), properties, Scheme.Name));
    }

    protected override Task HandleChallengeAsync(AuthenticationProperties properties)
    {
        // A script can't follow to the provider's page.
        if (!RequestOrigin.IsNavigation(Request)) return base.HandleChallengeAsync(properties);
        var wanted = properties.RedirectUri is { } asked && ReturnUrl.IsLocal(asked) ? asked : ReturnUrl.Current(Request);
        if (properties is LatchkeyChallenge { Ask: { } parameters }) return SafelyAsync(() => StartAsync(parameters, wanted));
        Response.Redirect(LoginUrl(Context, Options, wanted));
        return Task.CompletedTask;
    }

    public async Task SignOutAsync(AuthenticationProperties? properties)
    {
        var back = properties?.RedirectUri is { } asked && ReturnUrl.IsLocal(asked) ? asked : null;
        Response.Redirect(await SignOut.EndAsync(Context, _part, Logger, back));
    }

    /// <summary>Where sign-ins start; without a page to come back to where that is the usual one.</summary>
    public static string LoginUrl(HttpContext context, LatchkeySignInOptions options, string? returnUrl)
    {
        var path = context.Request.PathBase.Add(options.LoginPath).ToUriComponent();
        return returnUrl is null || returnUrl == options.DefaultReturnUrl ? path : $"{path}?return_url={Uri.EscapeDataString(returnUrl)}";
    }

    private bool IsCallback(PathString path) =>
        Client.Options.RedirectUri is { } registered && Uri.TryCreate(registered, UriKind.Absolute, out var uri)
            ? Request.PathBase.Add(path).ToUriComponent() == uri.AbsolutePath
            : path == Options.CallbackPath;

    private Task SafelyAsync(Func<Task> answer) => BrowserCookie.IsSafe(Request) ? answer() : Failed(400, SignInRefusals.PlainHttp).WriteAsync(Context);

    private async Task LoginAsync()
    {
        if (Request.Query.ContainsKey(Restart.Parameter) && !Restart.IsMarked(Context, Scheme.Name))
        {
            await Failed(400, SignInRefusals.NoCookies).WriteAsync(Context);
            return;
        }

        await StartAsync(new(), ReturnUrl.Of(Request));
    }

    private async Task StartAsync(AuthorizationParameters parameters, string? returnUrl)
    {
        NoticePage.Harden(Response, null);
        try
        {
            var mode = parameters.ResponseMode ?? Client.Options.ResponseMode;
            // What began in a session must end in it. A form that another site posts brings no session along, so there the sign-in's own cookie is all.
            var session = IsFormPost(mode) ? null : (await FindSessionAsync())?.Key;
            var start = await Client.StartAuthorizationAsync(
                parameters with { RedirectUri = parameters.RedirectUri ?? RedirectUri(), ReturnUrl = returnUrl ?? Options.DefaultReturnUrl, SessionBinding = session },
                Context.RequestAborted);
            _part.Transactions.Append(Context, start.Transaction, Client.Options.TransactionLifetime);
            Response.Redirect(start.Url.AbsoluteUri);
        }
        catch (Exception exception) when (exception is OAuthException or ProviderException)
        {
            SignInLog.NotStarted(Logger, exception);
            await Failed(exception).WriteAsync(Context);
        }
    }

    private async Task CallbackAsync()
    {
        NoticePage.Harden(Response, null);
        if (await ReadCallbackAsync() is not { } callback)
        {
            await Failed(400, SignInRefusals.NoTransaction).WriteAsync(Context);
            return;
        }

        if (_part.Transactions.Take(Context, callback, Client.Options.ResponseMode) is not { } transaction)
        {
            await LostAsync(SignInRefusals.NoTransaction);
            return;
        }

        try
        {
            var earlier = transaction.SessionHash is null ? null : (await FindSessionAsync())?.Key;
            var tokens = await Client.CompleteAuthorizationAsync(transaction, callback, earlier, Context.RequestAborted);
            await SignInAsync(tokens);
            Response.Redirect(transaction.ReturnUrl is { } url && ReturnUrl.IsLocal(url) ? url : Options.DefaultReturnUrl);
        }
        catch (OAuthException exception) when (IsLost(exception))
        {
            SignInLog.NotFinished(Logger, exception);
            await LostAsync(exception.Refusal ?? SignInRefusals.NoTransaction);
        }
        catch (Exception exception) when (exception is OAuthException or ProviderException)
        {
            SignInLog.NotFinished(Logger, exception);
            await Failed(exception).WriteAsync(Context);
        }
    }

    private async Task SignInAsync(TokenSet tokens)
    {
        if (tokens.IdToken is not { } idToken)
            throw new InvalidOperationException($"The provider sent no ID token. Add openid to the scope of the Latchkey client \"{_part.ClientName}\".");
        var info = await ReadUserInfoAsync(tokens);
        var now = TimeProvider.GetUtcNow();
        // Whatever session the browser came with ends here: nobody who planted or kept its id gets into the new one.
        if (SessionCookie.Find(Context, Scheme.Name) is { } earlier) await _part.Sessions.RemoveAsync(earlier, Context.RequestAborted);
        var session = new SignInSession
        {
            Key = SessionCookie.Issue(Context, Scheme.Name),
            Scheme = Scheme.Name,
            Issuer = idToken.Issuer,
            Subject = idToken.Subject,
            ProviderSession = idToken.SessionId,
            CreatedAt = now,
            ExpiresAt = now + Options.SessionLifetime,
            IdToken = idToken.Value,
            Claims = IdentityClaims.From(idToken.Claims, info?.Claims),
            Tokens = Encoding.UTF8.GetString(SessionTokens.From(Client, tokens).ToJson()),
        };
        await _part.Sessions.AddAsync(session, Options.IdleTimeout, Context.RequestAborted);
        Restart.Clear(Context, Scheme.Name, Client.Options.ResponseMode);
    }

    // Names and addresses are often only there. Someone whose name can't be had is signed in all the same; someone else's is refused by the client.
    private async Task<UserInfo?> ReadUserInfoAsync(TokenSet tokens)
    {
        if (!Options.ReadUserInfo) return null;
        try
        {
            if ((await Client.Provider.MetadataAsync(Context.RequestAborted)).UserinfoEndpoint is null) return null;
            return await Client.UserInfoAsync(tokens, Context.RequestAborted);
        }
        catch (Exception exception) when (exception is ProviderException or OAuthException { Refusal: null })
        {
            SignInLog.NoUserInfo(Logger, exception);
            return null;
        }
    }

    private async Task LostAsync(Refusal why)
    {
        SignInLog.Lost(Logger, why);
        // The back button, or a bookmark: the sign-in was finished long since.
        if (HttpMethods.IsGet(Request.Method) && await FindSessionAsync() is not null)
        {
            Response.Redirect(Options.DefaultReturnUrl);
            return;
        }

        if (Restart.IsMarked(Context, Scheme.Name))
        {
            Restart.Clear(Context, Scheme.Name, Client.Options.ResponseMode);
            await Failed(403, why).WriteAsync(Context);
            return;
        }

        Restart.Mark(Context, Scheme.Name, Client.Options.ResponseMode);
        var again = $"{LoginUrl(Context, Options, null)}?{Restart.Parameter}=1";
        await new NoticePage(403, "Signing you in again", "This sign-in can't be finished in this browser: it was finished before, it took too long, or it was begun elsewhere. A new one starts by itself.",
            new PageAction("Sign in again", again)) { Code = why.Code, Detail = why.Reason, GoTo = again }.WriteAsync(Context);
    }

    private static bool IsLost(OAuthException exception) =>
        exception.Refusal?.Code.StartsWith("LK-CLIENT-TRANSACTION-", StringComparison.Ordinal) == true
        // The provider's page stood open for so long that the code is over.
        || exception is { Refusal: null, Error: "invalid_grant" };

    private async ValueTask<SignInSession?> FindSessionAsync() =>
        SessionCookie.Find(Context, Scheme.Name) is { } key ? await _part.Sessions.FindAsync(key, Context.RequestAborted) : null;

    private async Task<Parameters?> ReadCallbackAsync()
    {
        if (HttpMethods.IsGet(Request.Method)) return Parameters.Parse(Request.QueryString.Value?.TrimStart('?'));
        if (Request.ContentType?.StartsWith("application/x-www-form-urlencoded", StringComparison.OrdinalIgnoreCase) != true) return null;
        return await FormBody.ReadAsync(Request, Context.RequestAborted) is { } body ? Parameters.Parse(body) : null;
    }

    private string RedirectUri() =>
        Client.Options.RedirectUri ?? $"{Request.Scheme}://{Request.Host.ToUriComponent()}{Request.PathBase.Add(Options.CallbackPath).ToUriComponent()}";

    private static bool IsFormPost(string? mode) => mode?.StartsWith("form_post", StringComparison.Ordinal) == true;

    private Task LogoutAsync() => SignOut.HandleAsync(Context, _part, Logger);

    private NoticePage Failed(Exception exception) => exception switch
    {
        OAuthException { Error: "access_denied" } denied => new NoticePage(400, "You did not agree", "So this app got nothing. You can sign in again at any time.", Ways()) { Code = denied.Error },
        OAuthException { Refusal: { } refusal } => Failed(400, refusal),
        OAuthException refused => new NoticePage(400, "Sign-in did not work", "The sign-in server said no.", Ways()) { Code = refused.Error, Detail = refused.Description },
        ProviderException provider => new NoticePage(502, "Sign-in does not work right now", "The sign-in server does not answer as it should. Try again in a moment.", Ways()) { Code = provider.Refusal.Code },
        _ => throw new ArgumentOutOfRangeException(nameof(exception)),
    };

    private NoticePage Failed(int status, Refusal refusal) => new(status, "Sign-in did not work", $"{refusal.Reason} {refusal.Mend}", Ways()) { Code = refusal.Code };

    private PageAction[] Ways() => [new("Sign in again", LoginUrl(Context, Options, null)), new("Home", Request.PathBase.Add("/").ToUriComponent())];
}
