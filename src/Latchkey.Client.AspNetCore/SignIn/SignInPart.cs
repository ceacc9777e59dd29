using System.Collections.Concurrent;
using Latchkey.Client.AspNetCore.Logout;
using Latchkey.Client.AspNetCore.Sessions;
using Latchkey.Client.Tokens;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;

namespace Latchkey.Client.AspNetCore.SignIn;

/// <summary>What one scheme works with.</summary>
internal sealed class SignInPart(IServiceProvider services, string scheme, LatchkeySignInOptions options)
{
    /// <summary>The name of the HTTP client by which the backend for single-page apps calls APIs.</summary>
    public const string ApiClientName = "Latchkey.Client.AspNetCore.Bff";

    public string Scheme => scheme;

    public LatchkeySignInOptions Options => options;

    public string ClientName => options.Client;

    public LatchkeyClient Client { get; } = services.GetRequiredKeyedService<LatchkeyClient>(options.Client);

    public ISessionStore Sessions { get; } = services.GetRequiredService<ISessionStore>();

    public TransactionCookies Transactions { get; } = new(services.GetRequiredService<IDataProtectionProvider>(), scheme);

    // Both come to life with their first use: they need the client, and the client needs none of them.
    public UserTokens Tokens => services.GetRequiredKeyedService<UserTokens>(options.Client);

    /// <summary>The connections of the backend for single-page apps to its APIs.</summary>
    public HttpMessageHandler ApiHandler() => services.GetRequiredService<IHttpMessageHandlerFactory>().CreateHandler(ApiClientName);

    public LogoutToken LogoutTokens { get; } = new(
        services.GetRequiredKeyedService<LatchkeyClient>(options.Client), scheme, services.GetService<TimeProvider>() ?? TimeProvider.System);
}

/// <summary>The schemes of the app.</summary>
internal sealed class SignInParts(IServiceProvider services)
{
    private readonly ConcurrentDictionary<string, SignInPart> _parts = new(StringComparer.Ordinal);

    public SignInPart Of(string scheme, LatchkeySignInOptions options) =>
        _parts.GetOrAdd(scheme, static (scheme, with) => new(with.services, scheme, with.options), (services, options));
}

/// <summary>The session of the request that is under way.</summary>
internal sealed record CurrentSession(SignInSession Session, SignInPart Part)
{
    /// <summary>Where the ticket's properties have it; parameters are never written anywhere.</summary>
    public const string Key = "latchkey.session";

    /// <summary>Who is signed in by a scheme, be it the app's default one or not; null if nobody is.</summary>
    public static async ValueTask<CurrentSession?> OfAsync(HttpContext context, string scheme) =>
        (await context.AuthenticateAsync(scheme).ConfigureAwait(false)).Properties?.GetParameter<CurrentSession>(Key);

    /// <summary>Whose session.</summary>
    public override string ToString() => Session.ToString();
}
