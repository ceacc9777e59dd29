using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Http;

namespace Latchkey.Client.AspNetCore;

/// <summary>How people sign in to a web app. Everything about the provider is the client's: see <see cref="LatchkeyClientOptions"/>.</summary>
public sealed class LatchkeySignInOptions : AuthenticationSchemeOptions
{
    /// <summary>The name that <c>AddLatchkeyClient</c> gave the client; the scheme's name unless set.</summary>
    public string Client { get; set; } = "";

    /// <summary>Starts a sign-in: <c>GET {path}?return_url=/where/to</c>. <c>/login</c> unless set.</summary>
    public PathString LoginPath { get; set; } = "/login";

    /// <summary>Where the provider sends people back to; <c>/callback</c> unless set. The path of the client's <c>RedirectUri</c> counts if that is set.</summary>
    public PathString CallbackPath { get; set; } = "/callback";

    /// <summary>Signs out, here and at the provider: POST, or GET from this app's own pages. <c>/logout</c> unless set.</summary>
    public PathString LogoutPath { get; set; } = "/logout";

    /// <summary>Where the provider tells that somebody signed out elsewhere; <c>/backchannel-logout</c> unless set.</summary>
    public PathString BackchannelLogoutPath { get; set; } = "/backchannel-logout";

    /// <summary>Where people go after signing in when they did not come from a page of their own: a path of this app, <c>/</c> unless set.</summary>
    public string DefaultReturnUrl { get; set; } = "/";

    /// <summary>Where people go after signing out when the provider keeps nobody signed in: a path of this app, <c>/</c> unless set.</summary>
    public string SignedOutUrl { get; set; } = "/";

    /// <summary>How long a session may go unused; eight hours unless set.</summary>
    public TimeSpan IdleTimeout { get; set; } = TimeSpan.FromHours(8);

    /// <summary>How long a session lasts however busy it is; seven days unless set, 90 at most.</summary>
    public TimeSpan SessionLifetime { get; set; } = TimeSpan.FromDays(7);

    /// <summary>Whether what userinfo says of the person is added to their claims at sign-in; true unless set. Many providers tell names only there.</summary>
    public bool ReadUserInfo { get; set; } = true;

    /// <inheritdoc/>
    public override void Validate()
    {
        base.Validate();
        foreach (var (name, path) in (ReadOnlySpan<(string, PathString)>)[(nameof(LoginPath), LoginPath), (nameof(CallbackPath), CallbackPath), (nameof(LogoutPath), LogoutPath), (nameof(BackchannelLogoutPath), BackchannelLogoutPath)])
        {
            if (!path.HasValue) throw new InvalidOperationException($"{name} is empty; set it to a path of this app, such as /login.");
        }

        foreach (var (name, url) in (ReadOnlySpan<(string, string)>)[(nameof(DefaultReturnUrl), DefaultReturnUrl), (nameof(SignedOutUrl), SignedOutUrl)])
        {
            if (!SignIn.ReturnUrl.IsLocal(url)) throw new InvalidOperationException($"{name} is not a path of this app; set it to one, such as /.");
        }

        if (IdleTimeout <= TimeSpan.Zero) throw new InvalidOperationException($"{nameof(IdleTimeout)} is not above zero.");
        if (SessionLifetime <= TimeSpan.Zero || SessionLifetime > TimeSpan.FromDays(90)) throw new InvalidOperationException($"{nameof(SessionLifetime)} is not between zero and 90 days.");
    }
}
