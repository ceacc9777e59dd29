using Latchkey.Protocol;
using Microsoft.AspNetCore.Antiforgery;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Primitives;

namespace Latchkey.Server.Hosting;

/// <summary>Forms of our own pages: only a page that this server gave to this browser can send one.</summary>
internal sealed class PageForms(IAntiforgery antiforgery)
{
    /// <summary>The hidden field that carries the token.</summary>
    public const string TokenField = "__token";

    /// <summary>The answer to a form whose token is missing, old or another browser's.</summary>
    public static OAuthError Expired { get; } =
        OAuthError.InvalidRequest("The form had no antiforgery token, or not one that belongs to the cookie this browser sent.");

    /// <summary>Sets up the tokens. They are bound to a cookie alone, so that they outlive signing in and out.</summary>
    public static void Configure(IServiceCollection services, ServerOptions options) => services.AddAntiforgery(antiforgery =>
    {
        antiforgery.FormFieldName = TokenField;
        antiforgery.HeaderName = null;
        // The pages say it stricter.
        antiforgery.SuppressXFrameOptionsHeader = true;
        antiforgery.Cookie.Name = options.IsHttps ? "__Host-latchkey-csrf" : "latchkey-csrf";
        antiforgery.Cookie.Path = "/";
        antiforgery.Cookie.HttpOnly = true;
        antiforgery.Cookie.SecurePolicy = options.IsHttps ? CookieSecurePolicy.Always : CookieSecurePolicy.None;
        // Strict would drop the cookie whenever an app sends a person here, and so break the pages they have open already.
        antiforgery.Cookie.SameSite = SameSiteMode.Lax;
    });

    /// <summary>The token for a page's hidden field; sets the cookie where the browser has none yet.</summary>
    public string Token(HttpContext context) => antiforgery.GetAndStoreTokens(context).RequestToken!;

    /// <summary>Reads a form of one of our pages.</summary>
    /// <returns>Its fields, or the error to show as a page: the form was malformed or <see cref="Expired"/>.</returns>
    public async ValueTask<Result<Parameters>> ReadAsync(HttpContext context)
    {
        if ((await RequestForm.ReadAsync(context).ConfigureAwait(false)).Refused(out var error, out var form)) return error;
        return await ValidateAsync(context, form).ConfigureAwait(false) is { } invalid ? invalid : form;
    }

    /// <summary>Judges a form that was read already, at an endpoint that takes apps' forms too.</summary>
    /// <returns><see cref="Expired"/>, or null if the form is one of our own.</returns>
    public async ValueTask<OAuthError?> ValidateAsync(HttpContext context, Parameters form)
    {
        context.Request.Form = new FormCollection(
            form.Pairs.ToDictionary(pair => pair.Key, pair => new StringValues(pair.Value), StringComparer.Ordinal));
        return await antiforgery.IsRequestValidAsync(context).ConfigureAwait(false) ? null : Expired;
    }
}
