"""Headers of the exports. That of prospects is unverified."""

_ORDERS = (
    "orders_id,created_by,billing_fname,billing_lname,billing_street_address,billing_suburb,"
    "billing_city,billing_state,billing_postcode,billing_country,billing_phone,billing_email,"
    "delivery_fname,delivery_lname,delivery_street_address,delivery_suburb,delivery_city,"
    "delivery_state,delivery_postcode,delivery_country,delivery_phone,delivery_email,"
    "shipping_method,shipping_desc,shipping_group,shipping_group_code,shipping_price,"
    "shipping_weight,delivery_confirm,signature_confirm,non_taxable_amount,taxable_amount,"
    "tax_pct,tax_amount,total_amount,order_date,order_time,tracking_num,campaign_id,"
    "customers_id,customer_creation_date,prospects_id,cc_num_masked,cc_expires,gateway_id,"
    "gateway_alias,processing_percent,reserve_percent,transaction_fee,chargeback_fee,"
    "descriptor,customer_service_number,ip_address,order_status,decline_reason,cascade_flag,"
    "orig_gateway,cascade_reason,shipped_date,fraud_flag,fraud_date,chargeback_flag,"
    "chargeback_date,chargeback_user,rma_flag,rma_number,rma_reason,rma_date,rma_user,"
    "return_flag,return_reason,is_recurring,recurring_date,retry_date,installments,"
    "transaction_id,auth_id,retrying,retry_attempt,hold_date,void_flag,void_amount,void_date,"
    "void_user,refund_flag,refund_amount,refund_date,refund_user,afid,sid,affid,c1,c2,c3,bid,"
    "aid,opt,rebill_discount,rebill_depth,parent_order_id,products_id,product_name,"
    "product_attributes,shippable_flag,product_price,product_sku,product_category,"
    "products_description,products_quantity,declared_value,order_confirmed,"
    "order_confirmed_date,recurring_prod_id,recurring_prod_name,acquisition_date,"
    "blacklisted_flag,ancestor_id,decline_salvage_discount,salvage_discount_pct,is_test_cc,"
    "cancelled_flag,notes,billing_model_id,fulfillment_number,Click ID,Retries Left,"
    "Hold Type ID,Offer ID,Processor ID"
)
_PROSPECTS = (
    "prospects_id,campaign_id,first_name,last_name,address,address2,city,state,zip,country,"
    "phone,email,ip_address,prospect_date,prospect_time,afid,sid,affid,c1,c2,c3,aid,opt,"
    "converted_flag,orders_id,notes,Click ID"
)
ORDERS = _ORDERS.split(",")
PROSPECTS = _PROSPECTS.split(",")

# How one later file of the same account writes some of them.
_VARIANTS = {
    "orders_id": "Orders ID",
    "billing_fname": "Billing Fname",
    "total_amount": " total_amount ",
    "order_date": "Order Date",
    "is_test_cc": "Is_Test_CC",
    "product_category": "PRODUCT_CATEGORY",
    "Click ID": "click id",
    "Offer ID": "OFFER ID ",
}


def varied(header: list[str]) -> list[str]:
    """The same columns in other case and with other blanks."""
    return [_VARIANTS.get(name, name) for name in header]
