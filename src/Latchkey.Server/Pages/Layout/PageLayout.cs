namespace Latchkey.Server.Pages.Layout;

/// <summary>What a page tells the frame around it.</summary>
/// <param name="Title">The title, without the product's name.</param>
/// <param name="IsError">Whether something went wrong: the title says so first, since that is what screen readers read first.</param>
/// <param name="Wide">Whether the page has the wide shape, a card of sections.</param>
/// <param name="AsksPassword">Whether the small print says where the password belongs.</param>
public sealed record PageLayout(string Title, bool IsError = false, bool Wide = false, bool AsksPassword = false);
