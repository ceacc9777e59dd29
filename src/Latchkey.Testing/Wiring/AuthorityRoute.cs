using Microsoft.Extensions.Http;

namespace Latchkey.Testing.Wiring;

/// <summary>Lets every client of the factory reach the authority, and everything else as before.</summary>
internal sealed class AuthorityRouteFilter(TestAuthority authority) : IHttpMessageHandlerBuilderFilter
{
    public Action<HttpMessageHandlerBuilder> Configure(Action<HttpMessageHandlerBuilder> next) => builder =>
    {
        next(builder);
        builder.PrimaryHandler = new AuthorityRoute(authority, builder.PrimaryHandler);
    };
}

/// <summary>Sends requests for the authority's origin to the authority.</summary>
internal sealed class AuthorityRoute : DelegatingHandler
{
    private readonly Uri _issuer;
    private readonly HttpMessageInvoker _authority;

    public AuthorityRoute(TestAuthority authority, HttpMessageHandler otherwise)
        : base(otherwise)
    {
        _issuer = new Uri(authority.Issuer);
        _authority = new HttpMessageInvoker(authority.CreateHandler());
    }

    protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken) =>
        request.RequestUri is { } url && Uri.Compare(url, _issuer, UriComponents.SchemeAndServer, UriFormat.UriEscaped, StringComparison.OrdinalIgnoreCase) == 0
            ? _authority.SendAsync(request, cancellationToken)
            : base.SendAsync(request, cancellationToken);

    protected override void Dispose(bool disposing)
    {
        if (disposing) _authority.Dispose();
        base.Dispose(disposing);
    }
}
